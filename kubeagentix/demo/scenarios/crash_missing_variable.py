"""A checkout service whose new configuration lost the variable that names its database."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, lacks_env
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

CHECKOUT = App(
    listens=(8080,),
    log=("{at} INFO  connected to database", "{at} INFO  listening on :8080"),
    failures=(
        Failure(
            when=lacks_env("DATABASE_URL"),
            log=(
                "{at} INFO  checkout 2.8.1 starting (go1.24)",
                "{at} INFO  loading configuration from environment",
                "{at} FATAL configuration: DATABASE_URL not set",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """Three replicas that end at once, each after reading its configuration."""
    image = "registry.example.com/orders/checkout:2.8.1"
    kit.deployment(
        "checkout",
        container("checkout", image, port=8080, env={"LOG_LEVEL": "info", "PORT": "8080"}),
        app=CHECKOUT,
        replicas=3,
        age="3h",
    )
    kit.service("checkout", age="3h")


plugin = ScenarioPlugin(
    id="crash-missing-variable",
    title="A variable is missing and the program ends at once",
    family="pod",
    namespace="orders",
    build=build,
    truths=(Truth(kind="Deployment", name="checkout", reason="CrashLoopBackOff/MissingVariable"),),
)
