"""A ledger whose Secret was rewritten with another key for the password."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container, from_secret

LEDGER = App(listens=(8080,), log=("{at} INFO ledger ready",))


def build(kit: Kit) -> None:
    """The Secret is there, the key is not."""
    kit.secret("ledger-access", age="26h", **{"user": "ledger", "pass": "x7Kq0"})
    env = {"DB_USER": from_secret("ledger-access", "user"), "DB_PASSWORD": from_secret("ledger-access", "password")}
    image = "registry.example.com/billing/ledger:6.3.1"
    kit.deployment("ledger", container("ledger", image, port=8080, env=env), app=LEDGER, replicas=2, age="26h")
    kit.service("ledger", age="26h")


plugin = ScenarioPlugin(
    id="secret-key-missing",
    title="A variable comes from a key its Secret does not have",
    family="config",
    namespace="billing",
    build=build,
    truths=(Truth(kind="Deployment", name="ledger", reason="CreateContainerConfigError/SecretKeyNotFound"),),
)
