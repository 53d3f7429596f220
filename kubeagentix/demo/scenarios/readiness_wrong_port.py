"""A profile service that moved to another port; its readiness probe did not."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PROFILES = App(
    listens=(9090,), log=("Started ProfilesApplication in 4.812 seconds", "Tomcat started on port 9090 (http)")
)


def build(kit: Kit) -> None:
    """Running, without restarts, and never ready."""
    probe = {"httpGet": {"path": "/actuator/health", "port": 8080}, "periodSeconds": 10}
    image = "registry.example.com/accounts/profiles:11.0.2"
    profiles = container("profiles", image, port=9090, readinessProbe=probe)
    kit.deployment("profiles", profiles, app=PROFILES, replicas=3, age="2h")
    kit.service("profiles", age="2h")


plugin = ScenarioPlugin(
    id="readiness-wrong-port",
    title="The readiness probe asks a port nobody listens on",
    family="pod",
    namespace="accounts",
    build=build,
    truths=(Truth(kind="Deployment", name="profiles", reason="Unhealthy/Readiness"),),
)
