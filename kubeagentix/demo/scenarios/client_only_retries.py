"""A notifier that counts as well and only retries: the Service that it calls selects nobody."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, cannot_reach, with_address
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

GATEWAY = App(listens=(8080,), log=("{at} INFO sms gateway ready",))
RETRY = "{at} WARN sms: POST http://sms-gateway/send: dial tcp ADDRESS:80: connect: connection refused; retrying"
NOTIFIER = App(
    log=("{at} INFO 12 messages sent",),
    failures=(Failure(when=cannot_reach("sms-gateway", 80), code=None, log=(RETRY,) * 6),),
)


def build(kit: Kit) -> None:
    """The gateway's pods were relabelled; nobody probes the notifier."""
    image = "registry.example.com/notify/sms-gateway:2.2.0"
    gateway = container("gateway", image, port=8080)
    kit.deployment("sms-gateway", gateway, app=GATEWAY, replicas=2, age="5d", labels={"channel": "sms-v2"})
    service = kit.service("sms-gateway", selector={"app": "sms-gateway", "channel": "sms"}, age="80d")
    env = {"SMS_URL": "http://sms-gateway/send"}
    notifier = container("notifier", "registry.example.com/notify/notifier:1.8.1", env=env)
    app = with_address(NOTIFIER, service["spec"]["clusterIP"])
    kit.deployment("order-notifier", notifier, app=app, age="41d", broke="5d")


plugin = ScenarioPlugin(
    id="client-only-retries",
    title="A client that never crashes calls a Service without endpoints",
    family="network",
    namespace="texting",
    build=build,
    truths=(Truth(kind="Service", name="sms-gateway", reason="NoEndpoints/SelectorMismatch"),),
)
