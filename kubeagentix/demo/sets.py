"""The simulated StatefulSet and DaemonSet controllers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubeagentix.demo import scheduler
from kubeagentix.demo.journal import Note, record
from kubeagentix.demo.pods import RefusedError, admit_pod, with_template_defaults
from kubeagentix.demo.policies import is_ready
from kubeagentix.demo.replication import active_pods, sync_pod
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World, metadata, moment, seconds, token

REVISION_LABEL = "controller-revision-hash"
_START_GAP_S = 12  # how long after one ordinal is ready the next one is made

# DaemonSet pods run on nodes that are not well, too. Source: daemon util's AddOrUpdateDaemonPodTolerations.
_DAEMON_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
    for name, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
]


def sync_stateful_set(stateful_set: Mapping[str, Any], world: World) -> None:
    """Create the ordinals one after the other, each once the one before is ready, and write the status.

    Pods of an older revision are replaced from the highest ordinal down, but only while all are ready: one that never
    became ready has to be deleted by hand, as in a real cluster.
    """
    spec, name = stateful_set["spec"], stateful_set["metadata"]["name"]
    revision = f"{name}-{token(json.dumps(with_template_defaults(spec['template']), sort_keys=True), 10)}"
    wanted, is_ordered = spec.get("replicas", 1), spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    _remove_surplus(stateful_set, wanted, world)
    for ordinal in range(wanted):
        pod = _ordinal(stateful_set, ordinal, revision, world)
        if pod is None:
            break
        sync_pod(pod, world)
        if is_ordered and not is_ready(_get_pod(stateful_set, ordinal, world) or {}):
            break
    if all(is_ready(pod) for pod in active_pods(stateful_set, world)):
        _update(stateful_set, wanted, revision, world)
    _write_status(stateful_set, revision, world)


def _ordinal(stateful_set: Mapping[str, Any], ordinal: int, revision: str, world: World) -> Manifest | None:
    pod = _get_pod(stateful_set, ordinal, world)
    if pod is not None:
        return pod
    name, spec = f"{stateful_set['metadata']['name']}-{ordinal}", plain_copy(stateful_set["spec"])
    created = max(moment(stateful_set["metadata"]["creationTimestamp"]), world.clock)
    created = min(created + seconds(_START_GAP_S * ordinal), world.now)
    template = spec["template"]
    for claim in spec.get("volumeClaimTemplates") or ():
        claim_name = f"{claim['metadata']['name']}-{name}"
        _claim(stateful_set, claim, claim_name, world)
        volume = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}}
        template["spec"]["volumes"] = [*template["spec"].get("volumes", ()), volume]
    labels = {
        "apps.kubernetes.io/pod-index": str(ordinal),
        REVISION_LABEL: revision,
        "statefulset.kubernetes.io/pod-name": name,
    }
    try:
        identity = {"hostname": name, "subdomain": spec.get("serviceName", "")}
        pod = admit_pod(world, stateful_set, template, name, created, labels=labels, spec=identity)
    except RefusedError as refusal:
        text = f"create Pod {name} in StatefulSet {stateful_set['metadata']['name']} failed error: {refusal}"
        _record(stateful_set, "FailedCreate", text, world, "Warning")
        return None
    text = f"create Pod {name} in StatefulSet {stateful_set['metadata']['name']} successful"
    record(world, stateful_set, Note(reason="SuccessfulCreate", message=text, component=_COMPONENT, first=created))
    return pod


_COMPONENT = "statefulset-controller"


def _claim(stateful_set: Mapping[str, Any], template: Mapping[str, Any], name: str, world: World) -> None:
    namespace = stateful_set["metadata"]["namespace"]
    if world.find("PersistentVolumeClaim", namespace, name) is not None:
        return
    world.store.put(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata(
                name,
                namespace,
                created=max(moment(stateful_set["metadata"]["creationTimestamp"]), world.clock),
                labels=stateful_set["spec"]["selector"]["matchLabels"],
            ),
            "spec": {"volumeMode": "Filesystem", **template["spec"]},
            "status": {"phase": "Pending"},
        }
    )


def _get_pod(stateful_set: Mapping[str, Any], ordinal: int, world: World) -> Manifest | None:
    return world.find("Pod", stateful_set["metadata"]["namespace"], f"{stateful_set['metadata']['name']}-{ordinal}")


def _remove_surplus(stateful_set: Mapping[str, Any], wanted: int, world: World) -> None:
    for pod in active_pods(stateful_set, world):
        if int(pod["metadata"]["name"].rpartition("-")[2]) >= wanted:
            world.store.delete("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])


def _update(stateful_set: Mapping[str, Any], wanted: int, revision: str, world: World) -> None:
    for ordinal in reversed(range(wanted)):
        pod = _get_pod(stateful_set, ordinal, world)
        if pod is None or pod["metadata"]["labels"][REVISION_LABEL] == revision:
            continue
        world.store.delete("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
        made = _ordinal(stateful_set, ordinal, revision, world)
        if made is None or not sync_pod(made, world).is_ready:
            return


def _write_status(stateful_set: Mapping[str, Any], revision: str, world: World) -> None:
    live = world.find("StatefulSet", stateful_set["metadata"]["namespace"], stateful_set["metadata"]["name"])
    if live is None:
        return
    pods = active_pods(live, world)
    ready, updated = sum(is_ready(pod) for pod in pods), _count_of(pods, revision)
    before = (live.get("status") or {}).get("currentRevision", revision)
    current = revision if updated == len(pods) else before
    status: Manifest = {
        "observedGeneration": live["metadata"]["generation"],
        "replicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentReplicas": _count_of(pods, current),
        "updatedReplicas": updated,
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
    }
    keep_zero = ("replicas", "availableReplicas", "collisionCount")
    world.store.put({**live, "status": {key: value for key, value in status.items() if value or key in keep_zero}})


def _count_of(pods: list[Manifest], revision: str) -> int:
    return sum(pod["metadata"]["labels"][REVISION_LABEL] == revision for pod in pods)


def _record(about: Mapping[str, Any], reason: str, message: str, world: World, kind: Any = "Normal") -> None:
    if world.refusals.get(about["metadata"]["uid"]) == message:
        return
    world.refusals[about["metadata"]["uid"]] = message
    at = max(moment(about["metadata"]["creationTimestamp"]), world.clock)
    last = max(at, world.now - seconds(60))
    record(world, about, Note(reason=reason, message=message, component=_COMPONENT, first=at, last=last, type=kind))


def sync_daemon_set(daemon_set: Mapping[str, Any], world: World) -> None:
    """One pod on every node whose labels and taints allow it, and the status."""
    name, template = daemon_set["metadata"]["name"], plain_copy(daemon_set["spec"]["template"])
    revision = token(json.dumps(with_template_defaults(template), sort_keys=True), 10)
    template["spec"]["tolerations"] = [*(template["spec"].get("tolerations") or ()), *_DAEMON_TOLERATIONS]
    nodes = [node for node in world.all("Node") if _runs_daemons_of(template, node)]
    for node in nodes:
        pod = next((pod for pod in active_pods(daemon_set, world) if _node_of(pod) == node["metadata"]["name"]), None)
        if pod is not None and pod["metadata"]["labels"][REVISION_LABEL] != revision:
            world.store.delete("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
            pod = None
        if pod is None:
            created = max(moment(daemon_set["metadata"]["creationTimestamp"]), world.clock)
            created = max(created, moment(node["metadata"]["creationTimestamp"]))
            pod_name = f"{name}-{token(f'{name}/{world.store.revision}', 5)}"
            labels = {REVISION_LABEL: revision, "pod-template-generation": "1"}
            bound = {"nodeName": node["metadata"]["name"]}
            pod = admit_pod(world, daemon_set, template, pod_name, created, labels=labels, spec=bound)
        sync_pod(pod, world)
    pods = active_pods(daemon_set, world)
    ready = sum(is_ready(pod) for pod in pods)
    status: Manifest = {
        "currentNumberScheduled": len(pods),
        "desiredNumberScheduled": len(nodes),
        "numberMisscheduled": 0,
        "numberReady": ready,
        "observedGeneration": daemon_set["metadata"]["generation"],
        "updatedNumberScheduled": len(pods),
    }
    status |= {"numberAvailable": ready} if ready else {}
    status |= {"numberUnavailable": len(nodes) - ready} if len(nodes) - ready else {}
    world.store.put({**daemon_set, "status": status})


def _runs_daemons_of(template: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    taints = node["spec"].get("taints") or ()
    return scheduler.matches_node(template, node) and all(scheduler.tolerates(template, taint) for taint in taints)


def _node_of(pod: Mapping[str, Any]) -> str:
    return str(pod["spec"].get("nodeName", ""))
