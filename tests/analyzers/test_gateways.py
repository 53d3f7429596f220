"""The Gateway API: classes, Gateways and listeners."""

from __future__ import annotations

from kubeagentix.analyzers.gateways import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:00Z"


def condition(kind: str, status: str, reason: str, at: str = LONG_AGO) -> str:
    return f'{{type: {kind}, status: "{status}", reason: {reason}, message: "because", lastTransitionTime: "{at}"}}'


def gateway_class(accepted: str = "True", reason: str = "Accepted", at: str = LONG_AGO) -> str:
    item = condition("Accepted", accepted, reason, at)
    return f"kind: GatewayClass\nmetadata: {{name: mesh}}\nstatus: {{conditions: [{item}]}}"


def gateway(*conditions: str, class_name: str = "mesh") -> str:
    return f"""
kind: Gateway
metadata: {{name: edge}}
spec: {{gatewayClassName: {class_name}, listeners: [{{name: http, port: 80}}]}}
status: {{conditions: [{", ".join(conditions)}]}}
"""


PROGRAMMED = condition("Programmed", "True", "Programmed")


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_working_gateway_is_silent() -> None:
    assert find(gateway_class(), gateway(PROGRAMMED)) == {}


def test_missing_class() -> None:
    found = find(gateway(class_name="gone"), gateway_class())
    assert list(found) == ["GatewayClassNotFound"]
    assert [str(ref) for ref in found["GatewayClassNotFound"].points_at] == ["GatewayClass gone"]


def test_class_nobody_accepts_is_waited_for_and_then_told() -> None:
    assert find(gateway_class("Unknown", "Waiting", JUST_NOW)) == {}
    assert find(gateway_class("Unknown", "Waiting"))["GatewayClassNotAccepted"].severity is Severity.WARNING
    used = find(gateway_class("False", "InvalidParameters"), gateway(PROGRAMMED))
    assert used["GatewayClassNotAccepted"].severity is Severity.CRITICAL


def test_gateway_that_is_not_programmed_points_at_its_class() -> None:
    found = find(gateway_class(), gateway(condition("Programmed", "False", "Invalid")))
    assert [str(ref) for ref in found["GatewayNotProgrammed"].points_at] == ["GatewayClass mesh"]
    pending = condition("Programmed", "False", "Pending", JUST_NOW)
    assert find(gateway_class(), gateway(pending)) == {}


def with_listeners(*listeners: str, status: str = "") -> str:
    return f"""
kind: Gateway
metadata: {{name: edge}}
spec: {{gatewayClassName: mesh, listeners: [{", ".join(listeners)}]}}
status: {{conditions: [{PROGRAMMED}], listeners: [{status}]}}
"""


HTTP = "{name: http, port: 80, protocol: HTTP}"
TLS = "{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert, namespace: PLACE}]}}"
CERT = """
kind: Secret
metadata: {name: cert, namespace: PLACE}
type: kubernetes.io/tls
data: {tls.crt: eA==, tls.key: eA==}
"""
GRANT = """
kind: ReferenceGrant
metadata: {name: g, namespace: certs}
spec: {from: [{kind: Gateway, namespace: default}], to: [{kind: Secret}]}
"""


def test_a_listener_that_its_controller_does_not_serve_beside_one_that_it_does() -> None:
    bad = condition("ResolvedRefs", "False", "InvalidCertificateRef")
    status = f"{{name: tls, conditions: [{bad}]}}, {{name: http, conditions: [{PROGRAMMED}]}}"
    listeners = with_listeners(HTTP, TLS.replace("PLACE", "default"), status=status)
    found = find(gateway_class(), listeners)
    assert list(found) == ["ListenerNotReady"]
    assert "listener tls does not serve: InvalidCertificateRef" in found["ListenerNotReady"].title
    assert "its certificate's Secret default/cert does not exist" in found["ListenerNotReady"].cause.replace(
        "Its", "its"
    )


def test_a_conflict_as_the_controller_says_it_and_by_the_spec_alone() -> None:
    twice = (HTTP, "{name: other, port: 80, protocol: HTTP}")
    status = f"{{name: other, conditions: [{condition('Conflicted', 'True', 'HostnameConflict')}]}}"
    said = find(gateway_class(), with_listeners(*twice, status=status))["ListenerConflicted"]
    assert (said.severity, "HostnameConflict" in said.title) == (Severity.CRITICAL, True)
    alone = find(gateway_class(), with_listeners(*twice))["ListenerConflicted"]
    assert (alone.severity, "Listener http has the same port" in alone.cause) == (Severity.WARNING, True)


def test_listeners_of_other_hosts_or_ports_do_not_conflict() -> None:
    listeners = (
        HTTP,
        "{name: b, port: 80, protocol: HTTP, hostname: x.example.org}",
        "{name: c, port: 81, protocol: HTTP}",
    )
    assert find(gateway_class(), with_listeners(*listeners)) == {}


def test_a_certificate_of_another_namespace_needs_a_grant() -> None:
    listener, secret = with_listeners(TLS.replace("PLACE", "certs")), CERT.replace("PLACE", "certs")
    found = find(gateway_class(), listener, secret)["ListenerNotReady"]
    assert "namespace certs has no ReferenceGrant" in found.title
    assert find(gateway_class(), listener, secret, GRANT) == {}


def test_a_certificate_without_its_parts_is_told_by_the_spec_alone() -> None:
    listener, secret = with_listeners(TLS.replace("PLACE", "default")), CERT.replace("PLACE", "default")
    found = find(gateway_class(), listener, secret.replace("tls.key", "key.pem"))["ListenerNotReady"]
    assert (found.severity, "Secret default/cert has no tls.key" in found.title) == (Severity.CRITICAL, True)
    assert find(gateway_class(), listener, secret) == {}


def test_a_secret_of_another_type_counts_only_where_the_controller_refuses_it() -> None:
    listener, secret = (
        TLS.replace("PLACE", "default"),
        CERT.replace("PLACE", "default").replace("kubernetes.io/tls", "Opaque"),
    )
    assert find(gateway_class(), with_listeners(listener), secret) == {}
    bad = condition("ResolvedRefs", "False", "InvalidCertificateRef")
    refused = with_listeners(listener, status=f"{{name: tls, conditions: [{bad}]}}")
    cause = find(gateway_class(), refused, secret)["ListenerNotReady"].cause
    assert "Secret default/cert is of type Opaque, not kubernetes.io/tls" in cause
