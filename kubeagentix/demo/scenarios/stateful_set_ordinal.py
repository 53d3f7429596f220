"""A message log whose second member has a full disk, so that the third is never created."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, is_ordinal
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

BROKER = App(
    listens=(9092,),
    log=("[2026-01-15 11:02:14,120] INFO [BrokerServer] Transition from STARTING to STARTED",),
    failures=(
        Failure(
            when=is_ordinal(1),
            run_s=9,
            log=(
                "INFO Loading logs from log dirs ArrayBuffer(/data)",
                "ERROR Error while writing to checkpoint file /data/recovery-point-offset-checkpoint",
                "java.io.IOException: No space left on device",
                "ERROR Shutdown broker because all log dirs in /data have failed",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """Ordinal 0 is well, ordinal 1 crashes, ordinal 2 waits for it."""
    mounts = [{"name": "data", "mountPath": "/data"}]
    probe = {"tcpSocket": {"port": 9092}}
    image = "registry.example.com/platform/message-log:4.1.0"
    broker = container("broker", image, port=9092, port_name="broker", volumeMounts=mounts, readinessProbe=probe)
    kit.stateful_set("message-log", broker, app=BROKER, replicas=3, age="4h", storage="20Gi")
    kit.service("message-log", port=9092, target="broker", headless=True, age="4h")


plugin = ScenarioPlugin(
    id="stateful-set-ordinal",
    title="One member of a StatefulSet crashes and holds up the next",
    family="workload",
    namespace="messaging",
    build=build,
    truths=(Truth(kind="StatefulSet", name="message-log", reason="CrashLoopBackOff/DiskFull"),),
)
