"""A stateful service as it should be: bound volumes, a working autoscaler, policies that let the right pods in."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.apps import App, Failure, cannot_reach
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

CACHE = App(listens=(6379,), log=("* Ready to accept connections tcp",))
API = App(
    listens=(8080,),
    log=("{at} INFO GET /sessions 200 3ms",),
    failures=(Failure(when=cannot_reach("session-cache", 6379, "timeout"), log=("redis: i/o timeout",)),),
)


def build(kit: Kit) -> None:
    """Everything is denied but what is needed, and what is needed works."""
    probe = {"tcpSocket": {"port": 6379}}
    mounts = [{"name": "data", "mountPath": "/data"}]
    image = "docker.io/library/redis:8.2.1"
    cache = container("redis", image, port=6379, port_name="redis", readinessProbe=probe, volumeMounts=mounts)
    kit.stateful_set("session-cache", cache, app=CACHE, replicas=3, age="90d", storage="2Gi")
    kit.service("session-cache", port=6379, target="redis", headless=True, age="90d")
    kit.budget("session-cache", min_available=2, age="90d")
    kit.put("ServiceAccount", "session-api", age="90d")
    api = container("api", "registry.example.com/sessions/api:9.4.0", port=8080, liveness="/livez")
    kit.deployment("session-api", api, app=API, replicas=3, age="33d", pod={"serviceAccountName": "session-api"})
    kit.service("session-api", age="33d")
    kit.autoscaler("session-api", low=2, high=8, age="33d")
    kit.policy("default-deny", ingress=[], egress=[], age="90d")
    kit.policy(
        "allow-dns", egress=[{"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}], age="90d"
    )
    clients = [{"podSelector": {"matchLabels": {"app": "session-api"}}}]
    ports = [{"protocol": "TCP", "port": 6379}]
    servers = [{"podSelector": {"matchLabels": {"app": "session-cache"}}}]
    kit.policy("cache-access", pods={"app": "session-cache"}, ingress=[{"from": clients, "ports": ports}], age="90d")
    kit.policy("api-to-cache", pods={"app": "session-api"}, egress=[{"to": servers, "ports": ports}], age="90d")
    kit.policy(
        "api-access", pods={"app": "session-api"}, ingress=[{"ports": [{"protocol": "TCP", "port": 8080}]}], age="90d"
    )


plugin = ScenarioPlugin(
    id="healthy-stateful",
    title="A stateful service with nothing wrong",
    family="healthy",
    namespace="sessions",
    build=build,
)
