"""A proxy whose configuration file comes from a ConfigMap of another name."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PROXY = App(listens=(8080,), log=("start worker processes", "start worker process 29"))


def build(kit: Kit) -> None:
    """The volume cannot be set up, so the containers stay in ContainerCreating."""
    kit.config_map("proxy-config-v1", age="30d", **{"nginx.conf": "events {}\nhttp { server { listen 8080; } }\n"})
    mounts = [{"name": "config", "mountPath": "/etc/nginx"}]
    volumes = [{"name": "config", "configMap": {"name": "proxy-config"}}]
    image = "docker.io/library/nginx:1.29.2"
    kit.deployment(
        "proxy",
        container("proxy", image, port=8080, volumeMounts=mounts),
        app=PROXY,
        replicas=2,
        age="33m",
        pod={"volumes": volumes},
    )
    kit.service("proxy", age="33m")


plugin = ScenarioPlugin(
    id="mount-config-map-missing",
    title="A volume comes from a ConfigMap that does not exist",
    family="config",
    namespace="gateway",
    build=build,
    truths=(Truth(kind="Deployment", name="proxy", reason="FailedMount/ConfigMapNotFound"),),
)
