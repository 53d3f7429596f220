"""Objects as a cluster holds them, written down shortly: a workload with pods in one state, and their events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from kubeagentix.testing import NOW

Manifests = list[dict[str, Any]]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def _event(
    pod: str, index: int, reason: str, message: str, times: int, seconds_ago: float, field: str
) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": f"{pod}.{index}"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": pod, "uid": f"uid-{pod}", "fieldPath": field},
        "type": "Normal" if reason == "Killing" else "Warning",
        "reason": reason,
        "message": message,
        "count": times,
        "firstTimestamp": ago(seconds_ago + 60),
        "lastTimestamp": ago(seconds_ago),
    }


@pytest.fixture
def workload() -> Callable[..., Manifests]:
    """Builds a Deployment `web` (or a Job) with pods `web-1` …, whose container is in `state`.

    `events` are (reason, message) or (reason, message, times, seconds ago) of each pod's container.
    """

    def build(
        state: dict[str, Any] | None = None,
        *,
        last: dict[str, Any] | None = None,
        restarts: int = 0,
        ready: bool = False,
        replicas: int = 1,
        kind: str = "Deployment",
        phase: str = "Running",
        container: dict[str, Any] | None = None,
        is_init: bool = False,
        spec: dict[str, Any] | None = None,
        events: Iterable[tuple[Any, ...]] = (),
        on_container: bool = True,
    ) -> Manifests:
        main = {"name": "app", "image": "example.org/app:1", **(container or {})}
        status = {
            "name": "app",
            "ready": ready,
            "restartCount": restarts,
            "state": state or {},
            "lastState": {"terminated": last} if last else {},
        }
        place = "initContainers" if is_init else "containers"
        field = f"spec.{place}{{app}}" if on_container else ""
        made: Manifests = [
            {"kind": kind, "metadata": {"name": "web", "uid": "uid-web"}, "spec": {"replicas": replicas}}
        ]
        owner = {"kind": kind, "name": "web", "uid": "uid-web", "controller": True}
        if kind == "Deployment":
            made.append({"kind": "ReplicaSet", "metadata": {"name": "web-7d9f", "ownerReferences": [owner]}})
            owner = {"kind": "ReplicaSet", "name": "web-7d9f", "controller": True}
        for number in range(1, replicas + 1):
            name = f"web-{number}"
            pod_spec = {
                "nodeName": "node-1",
                "restartPolicy": "Never" if kind == "Job" else "Always",
                "containers": [{"name": "other"}] if is_init else [main],
                **({"initContainers": [main]} if is_init else {}),
                **(spec or {}),
            }
            statuses = "initContainerStatuses" if is_init else "containerStatuses"
            made.append(
                {
                    "kind": "Pod",
                    "metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": [owner]},
                    "spec": pod_spec,
                    "status": {"phase": phase, statuses: [status] if state is not None else []},
                }
            )
            for index, (reason, message, *rest) in enumerate(events):
                times, seconds = (*rest, 3, 30)[:2] if len(rest) != 1 else (rest[0], 30)
                made.append(_event(name, index, reason, message, times, seconds, field))
        return made

    return build
