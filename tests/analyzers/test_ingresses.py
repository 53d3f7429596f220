"""Ingresses: classes, backends, certificates; with real certificates, made here."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubeagentix.analyzers.ingresses import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import NOW, snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
CLASS = "kind: IngressClass\nmetadata: {name: nginx}"
DEFAULT_CLASS = """
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
"""
SERVICE = "kind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{name: http, port: 80}]}"


def pod(ready: str = "True") -> str:
    return f"""
kind: Pod
metadata: {{name: web-a, labels: {{app: web}}}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}"}}]}}
"""


def ingress(
    *,
    name: str = "shop",
    class_name: str = "ingressClassName: nginx, ",
    service: str = "web",
    port: str = "{number: 80}",
    tls: str = "",
    address: str = "{ip: 192.0.2.1}",
    annotations: str = "{}",
    made: str = LONG_AGO,
    path: str = "/",
) -> str:
    return f"""
kind: Ingress
metadata: {{name: {name}, creationTimestamp: "{made}", annotations: {annotations}}}
spec:
  {{
    {class_name}
    rules: [{{host: shop.example.org, http: {{paths: [
      {{path: {path}, pathType: Prefix, backend: {{service: {{name: {service}, port: {port}}}}}}}
    ]}}}}]{tls},
  }}
status: {{loadBalancer: {{ingress: [{address}]}}}}
"""


TLS = ", tls: [{hosts: [shop.example.org], secretName: shop-tls}]"


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def secret(*names: str, starts: int = -10, ends: int = 60, kind: str = "kubernetes.io/tls") -> dict[str, Any]:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(NOW + timedelta(days=starts))
        .not_valid_after(NOW + timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), critical=False)
        .sign(_key(), hashes.SHA256())
    )
    pem = base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()
    return {
        "kind": "Secret",
        "metadata": {"name": "shop-tls"},
        "type": kind,
        "data": {"tls.crt": pem, "tls.key": "eA=="},
    }


def find(*manifests: str | dict[str, Any]) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_working_ingress_is_silent() -> None:
    assert find(ingress(tls=TLS), CLASS, SERVICE, pod(), secret("shop.example.org")) == {}


def test_missing_backend_points_at_the_service() -> None:
    finding = find(ingress(service="wbe"), CLASS, SERVICE, pod())["BackendServiceNotFound"]
    assert "shop.example.org/ to Service wbe" in finding.title
    assert [str(ref) for ref in finding.points_at] == ["Service default/wbe"]


@pytest.mark.parametrize("port", ["{number: 8080}", "{name: grpc}"])
def test_missing_port_lists_the_service_ports(port: str) -> None:
    finding = find(ingress(port=port), CLASS, SERVICE, pod())["BackendPortNotFound"]
    assert "which has 80 (http)" in finding.title


@pytest.mark.parametrize("port", ["{number: 80}", "{name: http}", "{name: use-annotation}"])
def test_port_by_number_name_or_action_is_silent(port: str) -> None:
    assert find(ingress(port=port), CLASS, SERVICE, pod()) == {}


def test_backend_without_ready_endpoints_is_a_symptom_of_the_service() -> None:
    finding = find(ingress(), CLASS, SERVICE, pod("False"))["BackendNoEndpoints"]
    assert finding.is_symptom
    assert [str(ref) for ref in finding.points_at] == ["Service default/web"]


def test_external_name_and_unread_services_are_silent() -> None:
    external = "kind: Service\nmetadata: {name: web}\nspec: {type: ExternalName, externalName: example.org}"
    assert find(ingress(), CLASS, external) == {}
    gap = Gap(what="services", why="403", kind="Service")
    assert list(analyze(snapshot_of(ingress(), CLASS, gaps=[gap]))) == []


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (secret("shop.example.org", starts=-60, ends=-1), "TLSCertificateExpired"),
        (secret("shop.example.org", starts=1), "TLSCertificateNotYetValid"),
        (secret("shop.example.org", ends=3), "TLSCertificateExpiring"),
        (secret("other.example.org"), "TLSHostMismatch"),
        (secret("*.shop.example.org"), "TLSHostMismatch"),
        (
            {"kind": "Secret", "metadata": {"name": "shop-tls"}, "type": "Opaque", "data": {"password": "eA=="}},
            "TLSSecretInvalid",
        ),
        (
            {
                "kind": "Secret",
                "metadata": {"name": "shop-tls"},
                "type": "kubernetes.io/tls",
                "data": {"tls.crt": "eA==", "tls.key": "eA=="},
            },
            "TLSSecretInvalid",
        ),
    ],
)
def test_certificates_that_do_not_fit(made: dict[str, Any], reason: str) -> None:
    found = find(ingress(tls=TLS), CLASS, SERVICE, pod(), made)
    assert list(found) == [reason]
    expected = Severity.WARNING if reason == "TLSCertificateExpiring" else Severity.CRITICAL
    assert found[reason].severity is expected


def test_wildcard_certificates_are_silent_and_opaque_secrets_with_both_keys_are_information() -> None:
    assert find(ingress(tls=TLS), CLASS, SERVICE, pod(), secret("*.example.org")) == {}
    opaque = find(ingress(tls=TLS), CLASS, SERVICE, pod(), secret("shop.example.org", kind="Opaque"))
    assert {reason: item.severity for reason, item in opaque.items()} == {"TLSSecretType": Severity.INFO}


def test_missing_secret_counts_once_an_issuer_had_its_time() -> None:
    assert "TLSSecretNotFound" in find(ingress(tls=TLS), CLASS, SERVICE, pod())
    issued = "{cert-manager.io/cluster-issuer: letsencrypt}"
    assert find(ingress(tls=TLS, made="2026-01-15T11:59:00Z", annotations=issued), CLASS, SERVICE, pod()) == {}


def test_missing_secret_that_nobody_will_make_counts_at_once() -> None:
    found = find(ingress(tls=TLS, made="2026-01-15T11:59:00Z"), CLASS, SERVICE, pod())
    assert "create secret tls shop-tls" in found["TLSSecretNotFound"].remedies[-1].command
    assert find(ingress(tls=TLS, made="2026-01-15T11:59:45Z"), CLASS, SERVICE, pod()) == {}


def test_younger_ingress_that_claims_the_same_path_is_told() -> None:
    other = ingress(name="copy", service="api", made="2026-01-15T09:00:00Z")
    api = SERVICE.replace("{name: web}", "{name: api}")
    finding = find(ingress(), other, CLASS, SERVICE, api, pod())["DuplicatePath"]
    assert str(finding.ref) == "Ingress default/copy"
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "other",
    [
        ingress(name="copy", service="api", path="/api"),
        ingress(name="copy"),
        ingress(name="copy", service="api", annotations='{nginx.ingress.kubernetes.io/canary: "true"}'),
    ],
)
def test_other_paths_same_backends_and_canaries_are_silent(other: str) -> None:
    api = SERVICE.replace("{name: web}", "{name: api}")
    assert find(ingress(), other, CLASS, SERVICE, api, pod()) == {}


OFF = "kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 0, template: {metadata: {labels: {app: web}}}}"


def test_a_backend_that_is_scaled_to_zero_is_meant_to_be() -> None:
    assert find(CLASS, SERVICE, OFF, ingress())["BackendNoEndpoints"].severity is Severity.INFO


def test_the_nearest_backend_and_port_are_offered() -> None:
    assert (
        "There is Service web: was that meant?" in find(ingress(service="wbe"), SERVICE)["BackendServiceNotFound"].cause
    )
    found = find(ingress(port="{name: htpp}"), SERVICE, pod())["BackendPortNotFound"]
    assert "It has one named http: was that meant?" in found.cause


def test_a_backend_whose_pods_are_just_starting_is_no_fault_yet() -> None:
    starting = pod("False").replace('status: "False"', 'status: "False", lastTransitionTime: "2026-01-15T11:59:40Z"')
    assert find(ingress(), SERVICE, starting) == {}


def test_an_opaque_secret_is_read_all_the_same() -> None:
    found = find(ingress(tls=TLS), SERVICE, pod(), secret("other.example.org", kind="Opaque"))
    assert {reason: item.severity for reason, item in found.items()} == {
        "TLSSecretType": Severity.INFO,
        "TLSHostMismatch": Severity.CRITICAL,
    }
