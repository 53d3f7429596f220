"""A web application as it should be: three ready replicas behind a Service and an Ingress with a valid certificate."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PORTAL = App(
    listens=(8080,),
    log=('{at} "GET / HTTP/1.1" 200 5120', '{at} "GET /assets/app.css HTTP/1.1" 200 18022'),
)


def build(kit: Kit) -> None:
    """A finished rollout, one old ReplicaSet at zero."""
    image = "registry.example.com/web/portal"
    portal = kit.deployment(
        "portal",
        container("portal", f"{image}:3.2.0", port=8080, liveness="/healthz"),
        app=PORTAL,
        replicas=3,
        age="24d",
    )
    kit.roll_out(portal, age="5d", image=f"{image}:3.3.0")
    kit.service("portal", age="24d")
    kit.tls_secret("portal-tls", "portal.example.com", issued="20d", lasts_days=90)
    kit.ingress("portal", "portal.example.com", "portal", tls="portal-tls", age="24d")
    kit.budget("portal", min_available=2, age="24d")


plugin = ScenarioPlugin(
    id="healthy-web",
    title="A web application with nothing wrong",
    family="healthy",
    namespace="portal",
    build=build,
)
