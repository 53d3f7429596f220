"""A geocoder whose new release listens on the loopback address, where nobody but its own pod reaches it."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

UNREACHABLE = 1  # what it listens on is no port of the pod's address
GEOCODER = App(
    listens=(UNREACHABLE,),
    log=(
        "{at} [INFO] Starting gunicorn 23.0.0",
        "{at} [INFO] Listening at: http://127.0.0.1:8000 (1)",
        "{at} [INFO] Booting worker with pid: 7",
    ),
)


def build(kit: Kit) -> None:
    """Its probe is refused at the pod's address, and its Service has no ready endpoints."""
    server = container("web", "registry.example.com/maps/geocoder:4.0.0", port=8000)
    kit.deployment("geocoder", server, app=GEOCODER, replicas=2, age="2h")
    kit.service("geocoder", age="2h")


plugin = ScenarioPlugin(
    id="loopback-only",
    title="A program listens on 127.0.0.1 only",
    family="network",
    namespace="maps",
    build=build,
    truths=(Truth(kind="Deployment", name="geocoder", reason="Unhealthy/Readiness"),),
)
