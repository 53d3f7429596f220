"""Three workloads that read the same credentials, which nobody created in this namespace."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container, from_secret

WEB = App(listens=(8080,), log=("ready",))


def build(kit: Kit) -> None:
    """None of their containers can be created."""
    env = {
        "GATEWAY_USER": from_secret("acquirer-credentials", "user"),
        "GATEWAY_KEY": from_secret("acquirer-credentials", "key"),
    }
    for name, replicas in (("payments-api", 2), ("refunds", 1)):
        image = f"registry.example.com/payments/{name}:4.0.0"
        kit.deployment(name, container(name, image, port=8080, env=env), app=WEB, replicas=replicas, age="75m")
        kit.service(name, age="75m")
    image = "registry.example.com/payments/settlement:4.0.0"
    kit.stateful_set("settlement", container("settlement", image, port=8080, env=env), app=WEB, age="75m")
    kit.service("settlement", headless=True, age="75m")
    kit.ingress("payments", "pay.example.com", "payments-api", age="75m")


plugin = ScenarioPlugin(
    id="shared-secret-missing",
    title="Three workloads need a Secret that does not exist",
    family="composite",
    namespace="payments",
    build=build,
    truths=(Truth(kind="Secret", name="acquirer-credentials", reason="CreateContainerConfigError/SecretNotFound"),),
)
