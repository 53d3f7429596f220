"""An identity provider whose certificate was renewed by hand, with the old private key left in its Secret."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, key_does_not_fit
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

ISSUER = App(
    listens=(8443,),
    log=("{at} serving on :8443",),
    failures=(
        Failure(
            when=key_does_not_fit("token-issuer-tls"),
            run_s=1,
            log=(
                "{at} reading /etc/tls/tls.crt and /etc/tls/tls.key",
                "{at} cannot serve: tls: private key does not match public key",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """No pod of it can serve, so none starts."""
    kit.tls_secret("token-issuer-tls", "token-issuer.identity.svc", issued="1h", lasts_days=365, is_pair=False)
    mounts = [{"name": "tls", "mountPath": "/etc/tls", "readOnly": True}]
    volumes = [{"name": "tls", "secret": {"secretName": "token-issuer-tls"}}]
    image = "registry.example.com/identity/token-issuer:5.1.2"
    kit.deployment(
        "token-issuer",
        container("issuer", image, port=8443, volumeMounts=mounts),
        app=ISSUER,
        replicas=2,
        age="55m",
        pod={"volumes": volumes},
    )
    kit.service("token-issuer", age="55m")


plugin = ScenarioPlugin(
    id="certificate-other-key",
    title="A mounted TLS Secret holds another certificate's key",
    family="config",
    namespace="identity",
    build=build,
    truths=(Truth(kind="Secret", name="token-issuer-tls", reason="TLSKeyMismatch"),),
)
