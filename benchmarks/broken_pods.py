"""A cluster in which nothing runs: pods that fail in four ways, for measurements of what many findings cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

NAMESPACES, NODES = 40, 50
BACK_OFF = "back-off 5m0s restarting failed container=main"


def broken_pods(count: int) -> Snapshot:
    """So many pods: images that cannot be pulled, exits with an error, too little memory, missing ConfigMaps."""
    now = datetime.now(UTC)
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _team(n)}} for n in range(NAMESPACES)]
    nodes = [_node(f"node-{number}") for number in range(NODES)]
    return snapshot_of(*namespaces, *nodes, *(_pod(number, now) for number in range(count)), taken_at=now)


def _team(number: int) -> str:
    return f"team-{number % NAMESPACES}"


def _node(name: str) -> dict[str, Any]:
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "500"},
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}, "status": status}


def _pod(number: int, now: datetime) -> dict[str, Any]:
    name, image = f"job-{number:04d}", f"registry.example/app-{number}:1.{number % 9}"
    since = f"{now - timedelta(minutes=5 + number % 700):%Y-%m-%dT%H:%M:%SZ}"
    fault = number % 4
    container: dict[str, Any] = {"name": "main", "image": image, "resources": {"limits": {"memory": "64Mi"}}}
    if fault == 3:
        container["envFrom"] = [{"configMapRef": {"name": f"settings-{number}"}}]
    metadata = {"name": name, "namespace": _team(number), "creationTimestamp": since, "labels": {"app": name}}
    status = {
        "phase": "Pending" if fault in (0, 3) else "Running",
        "startTime": since,
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": since},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": since},
        ],
        "containerStatuses": [
            {"name": "main", "image": image, "ready": False, "restartCount": 7, **_states(fault, number, image, since)}
        ],
    }
    spec = {"nodeName": f"node-{number % NODES}", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def _states(fault: int, number: int, image: str, since: str) -> dict[str, Any]:
    """What the kubelet says of a container with that fault."""
    if fault == 0:
        waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
        return {"state": {"waiting": waiting}}
    if fault == 3:
        waiting = {"reason": "CreateContainerConfigError", "message": f'configmap "settings-{number}" not found'}
        return {"state": {"waiting": waiting}}
    ended = {"exitCode": 137, "reason": "OOMKilled"} if fault == 2 else {"exitCode": 1 + number % 5, "reason": "Error"}
    return {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": BACK_OFF}},
        "lastState": {"terminated": {**ended, "startedAt": since, "finishedAt": since}},
    }
