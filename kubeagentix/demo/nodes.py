"""Nodes, healthy and lost: what a kubelet reports of its machine, and what the control plane does when it stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kubeagentix.demo.journal import Note, record
from kubeagentix.demo.scheduler import pods_on
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World, digest, metadata, seconds, stamp

VERSION = "v1.34.2"
CORDON = "node.kubernetes.io/unschedulable"
UNREACHABLE = "node.kubernetes.io/unreachable"
_GRACE_S = 40  # node-monitor-grace-period
_EVICTION_S = 300  # tolerationSeconds of the default tolerations

_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node_manifest(
    name: str,
    world: World,
    *,
    created: datetime,
    cpu: int = 8,
    memory_gib: int = 32,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    cordoned: datetime | None = None,
) -> Manifest:
    """A healthy node, as its kubelet reports it; `cordoned`: since when it is closed to new pods."""
    if cordoned is not None:
        taints = (*taints, {"key": CORDON, "effect": "NoSchedule", "timeAdded": stamp(cordoned)})
    number = len(world.all("Node")) + 1
    beat = stamp(world.now - seconds(24))
    base = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"zone-{'abc'[number % 3]}",
    }
    machine = digest(name)[:32]
    capacity = {"cpu": str(cpu), "memory": f"{memory_gib * 1024 * 1024 - 88064}Ki", "pods": "110"}
    capacity |= {"ephemeral-storage": "101430960Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0"}
    allocatable = capacity | {"cpu": f"{cpu * 1000 - 200}m", "memory": f"{memory_gib * 1024 * 1024 - 700416}Ki"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata(
            name,
            created=created,
            labels={**base, **(labels or {})},
            annotations={
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        ),
        "spec": {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]}
        | ({"taints": [dict(taint) for taint in taints]} if taints else {})
        | ({"unschedulable": True} if cordoned is not None else {}),
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"10.0.0.{10 + number}"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": capacity,
            "allocatable": allocatable | {"ephemeral-storage": "93478772582"},
            "conditions": [
                {
                    "type": kind,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": beat,
                    "lastTransitionTime": stamp(created),
                }
                for kind, status, reason, message in _HEALTHY
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": digest(f"boot {name}")[:32],
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.12.48-amd64",
                "kubeProxyVersion": "",
                "kubeletVersion": VERSION,
                "machineID": machine,
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 13 (trixie)",
                "systemUUID": machine,
            },
        },
    }


def sync_node(node: Mapping[str, Any], world: World) -> None:
    """What the node lifecycle controller does about a node that was lost: conditions, taints, its pods."""
    name = node["metadata"]["name"]
    lost_at = world.lost_nodes.get(name)
    taints = node["spec"].get("taints") or []
    if lost_at is None or any(taint["key"] == UNREACHABLE for taint in taints):
        return
    noticed = lost_at + seconds(_GRACE_S)
    changed = plain_copy(node)
    for condition in changed["status"]["conditions"]:
        condition |= {
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastHeartbeatTime": stamp(lost_at),
            "lastTransitionTime": stamp(noticed),
        }
    changed["spec"]["taints"] = [
        *taints,
        *(
            {"key": UNREACHABLE, "effect": effect, "timeAdded": stamp(noticed)}
            for effect in ("NoSchedule", "NoExecute")
        ),
    ]
    world.store.put(changed)
    _record(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady", noticed, world)
    for pod in list(pods_on(name, world)):
        _lose_pod(pod, noticed, world)


def collect_orphan(pod: Mapping[str, Any], world: World) -> None:
    """What the pod garbage collector does about a pod of a node that is no more: there is no kubelet to end it."""
    name = pod["spec"].get("nodeName")
    if name and world.find("Node", "", name) is None:
        world.store.remove(world.store.catalog.named("Pod"), pod["metadata"]["namespace"], pod["metadata"]["name"])


def _lose_pod(pod: Mapping[str, Any], noticed: datetime, world: World) -> None:
    lost = plain_copy(pod)
    for condition in lost["status"]["conditions"]:
        if condition["type"] == "Ready":
            condition |= {"status": "False", "lastTransitionTime": stamp(noticed)}
    _record(pod, "NodeNotReady", "Node is not ready", noticed, world, kind="Warning")
    evicted = noticed + seconds(_EVICTION_S)
    tolerates = any(
        item.get("operator") == "Exists" and item.get("key") in (None, UNREACHABLE) and "tolerationSeconds" not in item
        for item in pod["spec"].get("tolerations") or ()
    )
    if not tolerates and evicted < world.now:
        grace_s = pod["spec"].get("terminationGracePeriodSeconds", 30)
        lost["metadata"] |= {
            "deletionTimestamp": stamp(evicted + seconds(grace_s)),
            "deletionGracePeriodSeconds": grace_s,
        }
        lost["status"]["conditions"].append(
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByTaintManager",
                "message": "Taint manager: deleting due to NoExecute taint",
                "lastProbeTime": None,
                "lastTransitionTime": stamp(evicted),
            }
        )
        text = f"Marking for deletion Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
        note = Note(reason="TaintManagerEviction", message=text, component="taint-eviction-controller", first=evicted)
        record(world, pod, note)
    world.store.put(lost)


def _record(
    about: Mapping[str, Any], reason: str, message: str, at: datetime, world: World, *, kind: Any = "Normal"
) -> None:
    record(world, about, Note(reason=reason, message=message, component="node-controller", first=at, type=kind))
