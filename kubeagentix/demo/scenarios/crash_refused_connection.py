"""A mailer whose message broker, outside of the cluster, no longer accepts connections."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, env_holds
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

MAILER = App(
    listens=(8080,),
    log=("{at} INFO amqp: connected", "{at} INFO consuming queue=mail.outbound prefetch=20"),
    failures=(
        Failure(
            when=env_holds("AMQP_URL", "203.0.113.20"),
            run_s=6,
            log=(
                "{at} INFO mailer 0.19.2 starting, workers=4",
                "{at} WARN amqp: dial tcp 203.0.113.20:5672: connect: connection refused, retrying in 2s",
                "{at} WARN amqp: dial tcp 203.0.113.20:5672: connect: connection refused, retrying in 4s",
                "{at} ERROR giving up: amqp: dial tcp 203.0.113.20:5672: connect: connection refused",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """It ran for weeks, until the broker went away."""
    env = {"AMQP_URL": "amqp://203.0.113.20:5672/mail", "WORKERS": "4"}
    kit.deployment(
        "mailer",
        container("mailer", "registry.example.com/notify/mailer:0.19.2", port=8080, env=env),
        app=MAILER,
        replicas=2,
        age="18d",
        broke="52m",
    )
    kit.service("mailer", age="18d")


plugin = ScenarioPlugin(
    id="crash-refused-connection",
    title="A dependency outside of the cluster refuses connections",
    family="pod",
    namespace="notifications",
    build=build,
    truths=(Truth(kind="Deployment", name="mailer", reason="CrashLoopBackOff/ConnectionRefused"),),
)
