"""A customer portal whose certificate was not renewed."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

ACCOUNT = App(listens=(8080,), log=("{at} GET /login 200",))


def build(kit: Kit) -> None:
    """Everything works but the certificate, which ended six days ago."""
    image = "registry.example.com/web/account:1.12.0"
    kit.deployment("account", container("account", image, port=8080), app=ACCOUNT, replicas=2, age="120d")
    kit.service("account", age="120d")
    kit.tls_secret("account-tls", "account.example.com", issued="96d", lasts_days=90)
    kit.ingress("account", "account.example.com", "account", tls="account-tls", age="120d")


plugin = ScenarioPlugin(
    id="ingress-certificate-expired",
    title="The certificate of an Ingress has expired",
    family="network",
    namespace="account",
    build=build,
    truths=(Truth(kind="Ingress", name="account", reason="TLSCertificateExpired"),),
)
