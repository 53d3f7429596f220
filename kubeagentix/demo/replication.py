"""The simulated Deployment and ReplicaSet controllers: rollouts, replicas, conditions.

A rollout goes as far as the default strategy lets it: it ends if the new pods become ready, and otherwise stands
still with the old ones serving, as in a real cluster.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from kubeagentix.demo.journal import Note, record
from kubeagentix.demo.kubelet import PodOutcome, foresee
from kubeagentix.demo.pods import RefusedError, admit_pod, with_template_defaults
from kubeagentix.demo.policies import is_ready
from kubeagentix.demo.statuses import EVICTED_AFTER_S, render
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World, metadata, moment, seconds, stamp, token

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
EVICTIONS_SHOWN = 4  # how many evicted pods a workload that keeps being evicted has left behind
_CREATE_RETRIES_S = 300  # how far the ReplicaSet controller's retries are apart in the end


def sync_deployment(deployment: Mapping[str, Any], world: World) -> None:
    """Bring a Deployment's ReplicaSets and pods, and its status, in line with its spec."""
    current = _current_set(deployment, world)
    olds = [item for item in world.owned("ReplicaSet", deployment) if _name(item) != _name(current)]
    wanted = deployment["spec"].get("replicas", 1)
    surge, unavailable = _rollout_bounds(deployment, wanted)
    old_count = sum(item["spec"].get("replicas", 0) for item in olds)
    if not old_count:
        scale(current, wanted, deployment, world)
    else:
        for _ in range(wanted + 1):
            room = wanted + surge - sum(_get(item, world)["spec"].get("replicas", 0) for item in olds)
            scale(_get(current, world), max(min(wanted, room), 0), deployment, world)
            ready = _ready(current, world)
            _shrink(olds, 0 if ready >= wanted else wanted - unavailable - ready, deployment, world)
    for item in olds:
        _write_set_status(_get(item, world), "", world)
    _write_deployment_status(deployment["metadata"]["namespace"], _name(deployment), _name(current), world)


def sync_replica_set(replica_set: Mapping[str, Any], world: World) -> None:
    """Keep a ReplicaSet that no Deployment owns at its size."""
    scale(replica_set, replica_set["spec"].get("replicas", 1), None, world)


def sync_pod(pod: Mapping[str, Any], world: World) -> PodOutcome:
    """Let the kubelet see to a pod; returns what became of it."""
    if (
        pod["spec"].get("nodeName") in world.lost_nodes
        and (known := world.outcomes.get(pod["metadata"]["uid"])) is not None
    ):
        return replace(known, containers=tuple(replace(item, is_ready=False) for item in known.containers))
    outcome = foresee(pod, world)
    render(pod, outcome, world)
    return outcome


def _current_set(deployment: Mapping[str, Any], world: World) -> Manifest:
    template = with_template_defaults(deployment["spec"]["template"])
    template_hash = token(json.dumps(template, sort_keys=True), 10)
    name = f"{_name(deployment)}-{template_hash}"
    namespace = deployment["metadata"]["namespace"]
    found = world.find("ReplicaSet", namespace, name)
    olds = world.owned("ReplicaSet", deployment)
    revisions = [int(item["metadata"]["annotations"][REVISION]) for item in olds]
    revision = str(max(revisions, default=0) + (0 if found and len(olds) == 1 else 1))
    if found is not None:
        if len(olds) == 1 or int(found["metadata"]["annotations"][REVISION]) == max(revisions):
            return found
        back = plain_copy(found)
        back["metadata"]["annotations"][REVISION] = revision
        return world.store.put(back)
    labels = {**template["metadata"].get("labels", {}), HASH_LABEL: template_hash}
    template["metadata"]["labels"] = labels
    match = {**deployment["spec"]["selector"]["matchLabels"], HASH_LABEL: template_hash}
    return world.store.put(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": metadata(
                name,
                namespace,
                created=max(moment(deployment["metadata"]["creationTimestamp"]), world.clock),
                labels=labels,
                annotations={REVISION: revision},
                owner=deployment,
            ),
            "spec": {"replicas": 0, "selector": {"matchLabels": match}, "template": template},
            "status": {"replicas": 0},
        }
    )


def _rollout_bounds(deployment: Mapping[str, Any], wanted: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; percentages round up and down, and both being 0 means one unavailable."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, wanted
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return surge, unavailable if surge or unavailable else 1


def _share(value: int | str, whole: int, rounding: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounding(int(value[:-1]) * whole / 100))
    return int(value)


def _shrink(olds: list[Manifest], keep: int, deployment: Mapping[str, Any], world: World) -> None:
    """Scale old ReplicaSets down until `keep` ready pods are left to them; pods that are not ready go first."""
    for item in sorted(olds, key=lambda item: str(item["metadata"]["creationTimestamp"])):
        live = _get(item, world)
        count = min(live["spec"].get("replicas", 0), max(keep, 0))
        scale(live, count, deployment, world)
        keep -= count


def scale(replica_set: Mapping[str, Any], count: int, deployment: Mapping[str, Any] | None, world: World) -> None:
    """Set a ReplicaSet's size, create or remove pods to match, and see to them and to its status."""
    before = replica_set["spec"].get("replicas", 0)
    live: Mapping[str, Any] = replica_set
    if before != count:
        changed = plain_copy(replica_set)
        changed["spec"]["replicas"] = count
        live = world.store.put(changed)
        if deployment is not None:
            direction = "up" if count > before else "down"
            text = f"Scaled {direction} replica set {_name(live)} from {before} to {count}"
            at = max(moment(live["metadata"]["creationTimestamp"]), world.clock)
            record(world, deployment, _note("ScalingReplicaSet", text, "deployment-controller", at))
    _write_set_status(live, _match_pods(live, count, world), world)


def _match_pods(replica_set: Mapping[str, Any], count: int, world: World) -> str:
    """Create or delete pods until `count` are active; returns why that failed, or an empty text."""
    pods = active_pods(replica_set, world)
    for pod in pods:
        sync_pod(pod, world)
    pods = active_pods(replica_set, world)
    surplus = sorted(pods, key=lambda pod: (is_ready(pod), pod["metadata"]["name"]))[: max(len(pods) - count, 0)]
    for pod in surplus:
        world.store.delete("Pod", pod["metadata"]["namespace"], _name(pod))
        note = _note("SuccessfulDelete", f"Deleted pod: {_name(pod)}", "replicaset-controller", world.clock)
        record(world, replica_set, note)
    while len(active_pods(replica_set, world)) < count:
        try:
            _create_pod(replica_set, world)
        except RefusedError as refusal:
            _record_refusal(replica_set, str(refusal), world)
            return str(refusal)
    return ""


def _create_pod(replica_set: Mapping[str, Any], world: World) -> None:
    everyone = world.owned("Pod", replica_set)
    evicted = [pod for pod in everyone if (pod.get("status") or {}).get("reason") == "Evicted"]
    base = max(moment(replica_set["metadata"]["creationTimestamp"]), world.clock)
    created = base
    if evicted:
        created = min(base + seconds((EVICTED_AFTER_S + 10) * len(evicted)), world.now)
    serial = f"{replica_set['metadata']['namespace']}/{_name(replica_set)}/{world.store.revision}"
    pod = admit_pod(
        world, replica_set, replica_set["spec"]["template"], f"{_name(replica_set)}-{token(serial, 5)}", created
    )
    note = _note("SuccessfulCreate", f"Created pod: {_name(pod)}", "replicaset-controller", created)
    record(world, replica_set, note)
    if len(evicted) >= EVICTIONS_SHOWN or world.now - created < seconds(EVICTED_AFTER_S + 10):
        world.spared.add(pod["metadata"]["uid"])
    sync_pod(pod, world)


def active_pods(owner: Mapping[str, Any], world: World) -> list[Manifest]:
    """The pods of an owner that have not ended."""
    return [
        pod
        for pod in world.owned("Pod", owner)
        if (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")
        and "deletionTimestamp" not in pod["metadata"]
    ]


def _record_refusal(replica_set: Mapping[str, Any], why: str, world: World) -> None:
    began = max(moment(replica_set["metadata"]["creationTimestamp"]), world.clock)
    age_s = (world.now - began).total_seconds()
    uid = replica_set["metadata"]["uid"]
    if _same_refusal(world.refusals.get(uid, ""), why):
        return
    world.refusals[uid] = why
    last = max(began, world.now - seconds(40))
    note = _note("FailedCreate", f"Error creating: {why}", "replicaset-controller", began)
    record(world, replica_set, replace(note, type="Warning", count=1 + int(age_s // _CREATE_RETRIES_S), last=last))


def _write_set_status(replica_set: Mapping[str, Any], refusal: str, world: World) -> None:
    pods = active_pods(replica_set, world)
    ready = sum(is_ready(pod) for pod in pods)
    status: Manifest = {"replicas": len(pods), "observedGeneration": replica_set["metadata"]["generation"]}
    if pods:
        status["fullyLabeledReplicas"] = len(pods)
    if ready:
        status |= {"readyReplicas": ready, "availableReplicas": ready}
    if refusal:
        before = _condition_of(replica_set, "ReplicaFailure")
        at = before["lastTransitionTime"] if before else stamp(_changed_at(replica_set, world))
        status["conditions"] = [
            {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": before["message"] if before and _same_refusal(before["message"], refusal) else refusal,
                "lastTransitionTime": at,
            }
        ]
    world.store.put({**replica_set, "status": status})


def _same_refusal(left: str, right: str) -> bool:
    """Whether two refusals differ in no more than the generated pod name."""
    generated = re.compile(r'^pods "[^"]*"')
    return generated.sub("", left) == generated.sub("", right)


def _changed_at(obj: Mapping[str, Any], world: World) -> datetime:
    return min(max(moment(obj["metadata"]["creationTimestamp"]), world.clock), world.now)


def _write_deployment_status(namespace: str, name: str, current_name: str, world: World) -> None:
    deployment = world.find("Deployment", namespace, name)
    current = world.find("ReplicaSet", namespace, current_name)
    if deployment is None or current is None:
        return
    sets = world.owned("ReplicaSet", deployment)
    pods = [pod for item in sets for pod in active_pods(item, world)]
    ready, updated = sum(is_ready(pod) for pod in pods), len(active_pods(current, world))
    wanted = deployment["spec"].get("replicas", 1)
    status: Manifest = {"observedGeneration": deployment["metadata"]["generation"]}
    counts = {
        "replicas": len(pods),
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(max(wanted, len(pods)) - ready, 0),
    }
    status |= {key: value for key, value in counts.items() if value}
    status["conditions"] = [_available(deployment, ready, wanted, world), _progressing(deployment, current, world)]
    if failure := _condition_of(current, "ReplicaFailure"):
        status["conditions"].append({**failure, "lastUpdateTime": failure["lastTransitionTime"]})
    annotations = {**(deployment["metadata"].get("annotations") or {})}
    annotations[REVISION] = current["metadata"]["annotations"][REVISION]
    world.store.put(
        {**deployment, "metadata": {**deployment["metadata"], "annotations": annotations}, "status": status}
    )


def _available(deployment: Mapping[str, Any], ready: int, wanted: int, world: World) -> Manifest:
    is_available = ready >= wanted - _rollout_bounds(deployment, wanted)[1]
    verb, word = ("has", "Available") if is_available else ("does not have", "Unavailable")
    return _transition(
        deployment,
        "Available",
        is_available,
        reason=f"MinimumReplicas{word}",
        message=f"Deployment {verb} minimum availability.",
        world=world,
    )


def _progressing(deployment: Mapping[str, Any], current: Mapping[str, Any], world: World) -> Manifest:
    wanted, name = deployment["spec"].get("replicas", 1), _name(current)
    before = _condition_of(deployment, "Progressing")
    onset = world.onsets.get((deployment["metadata"]["namespace"], _name(deployment)))
    was_complete = (before or {}).get("reason") == "NewReplicaSetAvailable" and name in (before or {})["message"]
    began = moment(current["metadata"]["creationTimestamp"])
    is_complete = _ready(current, world) >= wanted and not any(
        item["spec"].get("replicas") for item in world.owned("ReplicaSet", deployment) if _name(item) != name
    )
    if is_complete or was_complete or (onset is not None and began < onset):
        message = f'ReplicaSet "{name}" has successfully progressed.'
        return _transition(
            deployment, "Progressing", True, reason="NewReplicaSetAvailable", message=message, world=world
        )
    deadline_s = deployment["spec"].get("progressDeadlineSeconds", 600)
    if (world.now - began).total_seconds() > deadline_s:
        message = f'ReplicaSet "{name}" has timed out progressing.'
        condition = _transition(
            deployment, "Progressing", False, reason="ProgressDeadlineExceeded", message=message, world=world
        )
        if world.is_history or not before or before["status"] != "False":
            condition |= dict.fromkeys(("lastTransitionTime", "lastUpdateTime"), stamp(began + seconds(deadline_s + 1)))
        return condition
    message = f'ReplicaSet "{name}" is progressing.'
    return _transition(deployment, "Progressing", True, reason="ReplicaSetUpdated", message=message, world=world)


def _transition(obj: Mapping[str, Any], kind: str, holds: bool, *, reason: str, message: str, world: World) -> Manifest:
    """A condition, keeping its times while it says the same."""
    before = None if world.is_history else _condition_of(obj, kind)
    status = "True" if holds else "False"
    at = stamp(_changed_at(obj, world))
    onset = world.onsets.get((obj["metadata"]["namespace"], _name(obj)))
    if onset is not None and before is None and not holds:
        at = stamp(max(onset, moment(obj["metadata"]["creationTimestamp"])))
    kept = before["lastTransitionTime"] if before and before["status"] == status else at
    is_same = before is not None and (before["reason"], before["message"]) == (reason, message)
    updated = before["lastUpdateTime"] if before and is_same else at
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": updated,
        "lastTransitionTime": kept,
    }


def _condition_of(obj: Mapping[str, Any], kind: str) -> Manifest | None:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((dict(item) for item in conditions if item["type"] == kind), None)


def _ready(replica_set: Mapping[str, Any], world: World) -> int:
    return sum(is_ready(pod) for pod in active_pods(replica_set, world))


def _get(obj: Mapping[str, Any], world: World) -> Manifest:
    found = world.find(obj["kind"], obj["metadata"]["namespace"], _name(obj))
    return found if found is not None else dict(obj)


def _note(reason: str, message: str, component: str, at: datetime) -> Note:
    return Note(reason=reason, message=message, component=component, first=at)


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["name"])
