"""The simulated scheduler: where a pod fits, or the scheduler's own words for why it fits nowhere.

Filters run in the real scheduler's order, and a node is counted under the first one that refuses it; the one for
resources counts it under each that is short.
Source of the wording: kube-scheduler 1.34, `FitError.Error` and the plugins' error constants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from kubeagentix.demo.world import World
from kubeagentix.domain.quantities import quantity_or_zero

Labels = Mapping[str, str]

_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def requests_of(pod: Mapping[str, Any]) -> dict[str, float]:
    """What a pod asks for: its containers' requests (or limits) summed, in base units."""
    total: Counter[str] = Counter()
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        for name, value in {**(resources.get("limits") or {}), **(resources.get("requests") or {})}.items():
            total[name] += quantity_or_zero(value)  # type: ignore[assignment]
    return dict(total)


def place(pod: Mapping[str, Any], world: World) -> tuple[str, str]:
    """(node, "") if the pod fits somewhere, else ("", the scheduler's message)."""
    nodes = world.all("Node")
    if complaint := _claim_complaint(pod, world):
        return "", _message(len(nodes), [complaint], Counter({"Preemption is not helpful for scheduling": len(nodes)}))
    refusals: Counter[str] = Counter()
    preemption: Counter[str] = Counter()
    fitting = []
    for node in nodes:
        reasons, could_preempt = _refusal(pod, node, world)
        if reasons:
            refusals.update(reasons)
            outlook = (
                "No preemption victims found for incoming pod"
                if could_preempt
                else "Preemption is not helpful for scheduling"
            )
            preemption[outlook] += 1
        else:
            fitting.append(node)
    if fitting:
        return min(fitting, key=lambda node: _load(pod, node, world))["metadata"]["name"], ""
    return "", _message(len(nodes), sorted(f"{count} {reason}" for reason, count in refusals.items()), preemption)


def tolerates(pod: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether the pod tolerates a taint."""
    return any(_matches(item, taint) for item in pod["spec"].get("tolerations") or ())


def _matches(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def matches_node(pod: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Whether the node carries the labels of the pod's nodeSelector."""
    labels = node["metadata"].get("labels") or {}
    return bool((pod["spec"].get("nodeSelector") or {}).items() <= labels.items())


def _refusal(pod: Mapping[str, Any], node: Mapping[str, Any], world: World) -> tuple[tuple[str, ...], bool]:
    """(why the node does not take the pod, if so; whether evicting other pods could change that)."""
    if node["spec"].get("unschedulable"):
        return ("node(s) were unschedulable",), False
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] != "PreferNoSchedule" and not tolerates(pod, taint):
            return (f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}",), False
    if not matches_node(pod, node):
        return ("node(s) didn't match Pod's node affinity/selector",), False
    # Of resources alone, all that are short are named.
    wanted, used = requests_of(pod), _used(node, world)
    allocatable = node["status"]["allocatable"]
    is_full = len(list(pods_on(node["metadata"]["name"], world))) >= quantity_or_zero(allocatable.get("pods", "110"))
    short = tuple(
        f"Insufficient {name}"
        for name in (*_RESOURCES, *sorted(wanted.keys() - set(_RESOURCES)))
        if wanted.get(name, 0) > quantity_or_zero(allocatable.get(name)) - used.get(name, 0)
    )
    return (("Too many pods",) if is_full else ()) + short, True


def pods_on(node: str, world: World) -> Iterable[Mapping[str, Any]]:
    """The pods bound to a node that have not ended."""
    return (
        pod
        for pod in world.all("Pod")
        if pod["spec"].get("nodeName") == node and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    )


def _used(node: Mapping[str, Any], world: World) -> Counter[str]:
    used: Counter[str] = Counter()
    for pod in pods_on(node["metadata"]["name"], world):
        used.update(requests_of(pod))
    return used


def _load(pod: Mapping[str, Any], node: Mapping[str, Any], world: World) -> tuple[int, float, int, str]:
    """How little a node suits: pods of the same owner, share of CPU asked for, pods."""
    pods = list(pods_on(node["metadata"]["name"], world))
    owners = pod["metadata"].get("ownerReferences")
    siblings = sum(other["metadata"].get("ownerReferences") == owners for other in pods) if owners else 0
    cpu = sum(requests_of(pod).get("cpu", 0) for pod in pods)
    share = cpu / max(quantity_or_zero(node["status"]["allocatable"].get("cpu")), 1e-9)
    return siblings, round(share, 1), len(pods), node["metadata"]["name"]


def _claim_complaint(pod: Mapping[str, Any], world: World) -> str:
    namespace = pod["metadata"].get("namespace", "")
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if not name:
            continue
        claim = world.find("PersistentVolumeClaim", namespace, name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if (claim.get("status") or {}).get("phase") != "Bound" and not _binds_late(claim, world):
            return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def _binds_late(claim: Mapping[str, Any], world: World) -> bool:
    storage_class = world.find("StorageClass", "", claim["spec"].get("storageClassName") or "")
    return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"


def _message(node_count: int, reasons: list[str], preemption: Counter[str]) -> str:
    outlook = ", ".join(sorted(f"{count} {reason}" for reason, count in preemption.items()))
    available = f"0/{node_count} nodes are available"
    return f"{available}: {', '.join(reasons)}. no new claims to deallocate, preemption: {available}: {outlook}."
