"""The Gateway API: acceptance, and where routes lead."""

from __future__ import annotations

from kubeagentix.analyzers.gateways import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:00Z"
SERVICE = "kind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}"
POD = """
kind: Pod
metadata: {name: web-a, labels: {app: web}}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""


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


def route(*, parent: str = "edge", backend: str = "{name: web, port: 80}", status: str = "") -> str:
    return f"""
kind: HTTPRoute
metadata: {{name: shop}}
spec: {{parentRefs: [{{name: {parent}}}], hostnames: [shop.example.org], rules: [{{backendRefs: [{backend}]}}]}}
status: {{parents: [{{parentRef: {{name: {parent}}}, conditions: [{status}]}}]}}
"""


PROGRAMMED = condition("Programmed", "True", "Programmed")
WORKING = (gateway_class(), gateway(PROGRAMMED), SERVICE, POD)


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_working_gateway_and_route_are_silent() -> None:
    accepted = condition("Accepted", "True", "Accepted")
    assert find(*WORKING, route(status=accepted)) == {}


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


def test_route_without_its_gateway() -> None:
    found = find(*WORKING, route(parent="gone"))
    assert list(found) == ["RouteParentNotFound"]


def test_route_that_is_refused_says_by_whom_and_why() -> None:
    found = find(*WORKING, route(status=condition("Accepted", "False", "NotAllowedByListeners")))
    assert "NotAllowedByListeners" in found["RouteNotAccepted"].title
    assert [str(ref) for ref in found["RouteNotAccepted"].points_at] == ["Gateway default/edge"]


def test_reference_that_is_not_granted() -> None:
    status = condition("Accepted", "True", "Accepted") + ", " + condition("ResolvedRefs", "False", "RefNotPermitted")
    assert list(find(*WORKING, route(status=status))) == ["RouteRefNotPermitted"]


def test_backends_that_are_missing_or_lack_the_port_or_endpoints() -> None:
    base = (gateway_class(), gateway(PROGRAMMED), SERVICE)
    assert list(find(*base, POD, route(backend="{name: wbe, port: 80}"))) == ["RouteBackendNotFound"]
    assert list(find(*base, POD, route(backend="{name: web, port: 81}"))) == ["RouteBackendPortNotFound"]
    empty = find(*base, route())["RouteBackendNoEndpoints"]
    assert empty.is_symptom
    assert [str(ref) for ref in empty.points_at] == ["Service default/web"]


def test_other_kinds_of_backend_and_unread_services_are_silent() -> None:
    bucket = route(backend="{kind: Bucket, group: example.org, name: x}")
    assert find(*WORKING, bucket) == {}
    gap = Gap(what="services", why="403", kind="Service")
    assert list(analyze(snapshot_of(gateway_class(), gateway(PROGRAMMED), route(), gaps=[gap]))) == []


def test_a_backend_that_is_scaled_to_zero_is_meant_to_be() -> None:
    off = "kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 0, template: {metadata: {labels: {app: web}}}}"
    assert "RouteBackendNoEndpoints" in find(gateway_class(), gateway(PROGRAMMED), SERVICE, route())
    assert find(gateway_class(), gateway(PROGRAMMED), SERVICE, off, route()) == {}
