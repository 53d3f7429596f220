"""An audit service with a log shipper beside it, whose buffer outgrows its small limit."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PROGRAMS = {
    "audit": App(listens=(8080,), log=("{at} audit api listening on :8080", "{at} wrote 128 records")),
    "shipper": App(
        memory="96Mi", takes_s=95, log=("[info] [input:tail] watching /var/log/audit", "[info] flush chunk 41")
    ),
}


def build(kit: Kit) -> None:
    """A native sidecar (an init container that keeps running) is killed again and again; the main program is well."""
    mounts = [{"name": "logs", "mountPath": "/var/log/audit"}]
    shipper = container(
        "shipper",
        "registry.example.com/platform/log-shipper:3.2.1",
        requests={"cpu": "10m", "memory": "32Mi"},
        limits={"memory": "48Mi"},
        restartPolicy="Always",
        volumeMounts=mounts,
    )
    kit.deployment(
        "audit",
        container("audit", "registry.example.com/platform/audit:5.0.4", port=8080, volumeMounts=mounts),
        app=PROGRAMS,
        age="8d",
        broke="5h",
        pod={"initContainers": [shipper], "volumes": [{"name": "logs", "emptyDir": {}}]},
    )
    kit.service("audit", age="8d")


plugin = ScenarioPlugin(
    id="sidecar-memory",
    title="A sidecar needs more memory than its limit",
    family="pod",
    namespace="audit",
    build=build,
    truths=(Truth(kind="Deployment", name="audit", reason="OOMKilled"),),
)
