"""A partner interface whose certificate is not issued, as the issuer's own key pair was never put there."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.issuers import GROUP, KINDS
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PARTNERS = App(listens=(8443,), log=("{at} INFO  TLS listener on :8443",))


def build(kit: Kit) -> None:
    """The pods wait for a Secret that a Certificate is to make, which waits for its Issuer."""
    for kind, plural in KINDS:
        kit.define(GROUP, kind, plural)
    kit.put("Issuer", "partners-ca", age="2h", spec={"ca": {"secretName": "partners-ca-key-pair"}})
    spec = {
        "secretName": "partners-tls",
        "dnsNames": ["partners.example.com"],
        "issuerRef": {"name": "partners-ca", "kind": "Issuer", "group": GROUP},
    }
    kit.put("Certificate", "partners", age="2h", spec=spec)
    image = "registry.example.com/partners/gateway:5.1.0"
    mount = [{"name": "tls", "mountPath": "/etc/tls"}]
    kit.deployment(
        "partners",
        container("gateway", image, port=8443, volumeMounts=mount),
        app=PARTNERS,
        replicas=2,
        age="110m",
        pod={"volumes": [{"name": "tls", "secret": {"secretName": "partners-tls"}}]},
    )
    kit.service("partners", port=443, age="110m")


plugin = ScenarioPlugin(
    id="issuer-key-pair-missing",
    title="A certificate is not issued, as its issuer lacks a Secret",
    family="config",
    namespace="trading",
    build=build,
    truths=(Truth(kind="Issuer", name="partners-ca", reason="NotReady/ErrGetKeyPair"),),
)
