"""A price list service that reads a ConfigMap which somebody has edited: at its next start it does not know a word."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, env_holds
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PRICING = App(
    listens=(8080,),
    log=("{at} INFO  pricing 4.2.0 ready on :8080",),
    failures=(
        Failure(
            when=env_holds("ROUNDING", "bankers"),
            log=(
                "{at} INFO  pricing 4.2.0 starting",
                "{at} FATAL invalid configuration: ROUNDING is 'bankers', want one of up, down, half-even",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """Both replicas ended when they were restarted, two minutes after the edit."""
    kit.config_map("pricing-settings", age="60d", edited="16m", ROUNDING="bankers", CURRENCY="EUR")
    source = [{"configMapRef": {"name": "pricing-settings"}}]
    kit.deployment(
        "pricing",
        container("pricing", "registry.example.com/shop/pricing:4.2.0", port=8080, envFrom=source),
        app=PRICING,
        replicas=2,
        age="60d",
        broke="14m",
    )
    kit.service("pricing", age="60d")


plugin = ScenarioPlugin(
    id="config-map-edited",
    title="An edited ConfigMap holds a value that the program refuses",
    family="config",
    namespace="rates",
    build=build,
    truths=(Truth(kind="Deployment", name="pricing", reason="CrashLoopBackOff/ConfigInvalid"),),
)
