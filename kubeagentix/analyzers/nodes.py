"""Nodes that are not ready, under pressure, closed to new pods, or promised to more pods than they can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.network_daemons import network_daemons
from kubeagentix.analysis.node_life import is_joining, is_leaving
from kubeagentix.analysis.scheduler.case import listed
from kubeagentix.analysis.scheduler.node_causes import amount
from kubeagentix.analysis.scheduler.placement import Cluster
from kubeagentix.analysis.shortfall import describe_age
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "nodes"
EXCERPT_CHARS = 600

_PRESSURES = {
    "MemoryPressure": "is short of memory: it evicts pods and takes no new BestEffort ones",
    "DiskPressure": "is short of disk: it evicts pods, deletes images and takes no new pods",
    "PIDPressure": "is short of process ids: it evicts pods and takes no new ones",
    "NetworkUnavailable": "has no working network for pods",
}
# Other conditions come from problem detectors, whose types say what is wrong when True. Only names that can mean
# nothing good are taken, as some report maintenance or a role. Source: node-problem-detector's config/*.json.
_PROBLEM = re.compile(
    r"^(?:Frequent\w+(?:Restart|Unregister\w*)|Readonly\w+|Corrupt\w+|\w*(?:Deadlock|Unhealthy|Hung|Corruption|Shutdown))$"
    r"|^\w+(?:Problem|Failure|HardwareError\w*|Pressure)$"
)


_PARTS = (
    ("NetworkPlugin", re.compile(r"(?i)network ?plugin|cni|network not ready|NetworkReady=false")),
    ("ContainerRuntime", re.compile(r"(?i)container runtime|PLEG is not healthy|runtime is down|CRI")),
    ("Shutdown", re.compile(r"(?i)shutting down")),
)

# Those of the EKS node monitoring agent are True where all is well.
_PARTS_READY = ("KernelReady", "NetworkingReady", "StorageReady", "ContainerRuntimeReady", "AcceleratedHardwareReady")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per node and condition; cordons and overcommitment are `info`."""
    cluster = Cluster(snapshot=snapshot)
    for node in snapshot.all(Node):
        lost = _not_ready(cluster, node)
        if lost:
            yield lost
        yield from _conditions(cluster, node)
        yield from _cordoned(cluster, node)
        yield from _overcommitted(cluster, node)


def _not_ready(cluster: Cluster, node: Node) -> Finding | None:
    snapshot = cluster.snapshot
    ready = condition(node.status.conditions, "Ready")
    if ready is not None and ready.status == "True":
        return None
    ref = snapshot.ref(node)
    is_silent = ready is not None and ready.status == "Unknown"
    since = ready.last_transition_time if ready else node.metadata.creation_timestamp
    is_passing = is_leaving(snapshot, node) or (not is_silent and is_joining(snapshot, node))
    why = "/KubeletStopped" if is_silent else _part_at_fault(ready)
    plugins = snapshot.derived(network_daemons, node.name) if why == "/NetworkPlugin" else ()
    return Finding.of(
        analyzer=ID,
        reason=f"NodeNotReady{why}",
        ref=ref,
        title=f"{ref} is not ready{describe_age(since, snapshot.taken_at)}",
        severity=Severity.INFO if is_passing else Severity.CRITICAL,
        confidence=0.95,
        cause=_silence(snapshot, ready) if is_silent and ready else _own_words(ready) + _about(plugins),
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"condition Ready is {ready.status if ready else 'missing'}",
                excerpt=excerpt(f"{ready.reason}: {ready.message}", EXCERPT_CHARS) if ready else "",
                locator="status.conditions[Ready]",
                observed_at=since,
            ),
            *_sufferers(cluster, node),
        ),
        remedies=_remedies(node, "journalctl -u kubelet on the node says why" if is_silent else ""),
        points_at=plugins,
        since=since,
    )


def _part_at_fault(ready: Condition | None) -> str:
    """What of the node the kubelet complains of, as a refinement.

    Source: pkg/kubelet/runtime.go and nodestatus/setters.go.
    """
    said = ready.message if ready is not None else ""
    return next((f"/{name}" for name, pattern in _PARTS if pattern.search(said)), "")


def _about(plugins: tuple[ResourceRef, ...]) -> str:
    names = listed(str(ref) for ref in plugins)
    return f" The network plugin comes from {names}, which is not ready on the node." if names else ""


def _silence(snapshot: Snapshot, ready: Condition) -> str:
    age = describe_age(ready.last_heartbeat_time, snapshot.taken_at)
    return (
        f"The kubelet has not posted its status{age}: it is stopped, the machine is down, or it cannot reach "
        "the API server. Its pods are counted as not ready, and are evicted later on."
    )


def _own_words(ready: Condition | None) -> str:
    if ready is None:
        return "The kubelet has never posted a status."
    return f"The kubelet says: {excerpt(ready.message, 256) or ready.reason or 'nothing more'}"


def _conditions(cluster: Cluster, node: Node) -> Iterator[Finding]:
    snapshot = cluster.snapshot
    ref = snapshot.ref(node)
    for item in node.status.conditions:
        is_bad = item.status == "True" and (item.type in _PRESSURES or _PROBLEM.match(item.type))
        if not is_bad and not (item.status == "False" and item.type in _PARTS_READY):
            continue
        yield Finding.of(
            analyzer=ID,
            reason=item.type,
            ref=ref,
            title=f"{ref}: {item.type}{describe_age(item.last_transition_time, snapshot.taken_at)}",
            severity=_condition_severity(snapshot, node, item),
            confidence=0.95 if item.type in _PRESSURES else 0.8,
            cause=f"{ref} {_in_words(item)}. {excerpt(item.message, 256)}".strip(),
            evidence=(
                Evidence.of(
                    ref,
                    "status",
                    f"condition {item.type} is {item.status}",
                    excerpt=excerpt(f"{item.reason}: {item.message}", EXCERPT_CHARS),
                    locator=f"status.conditions[{item.type}]",
                    observed_at=item.last_transition_time,
                ),
                *_sufferers(cluster, node),
            ),
            remedies=_remedies(node, ""),
            since=item.last_transition_time,
        )


def _in_words(item: Condition) -> str:
    return _PRESSURES.get(item.type, f"reports {item.type} {item.status}")


def _condition_severity(snapshot: Snapshot, node: Node, item: Condition) -> Severity:
    if item.type != "NetworkUnavailable":
        return Severity.WARNING
    return Severity.INFO if is_joining(snapshot, node) or is_leaving(snapshot, node) else Severity.CRITICAL


def _sufferers(cluster: Cluster, node: Node) -> Iterator[Evidence]:
    """The workloads with pods on the node that are not ready."""
    snapshot = cluster.snapshot
    pods = [pod for pod in cluster.pods_by_node.get(node.name, ()) if not pod.is_ready]
    if pods:
        names = listed(str(ref) for ref in dict.fromkeys(snapshot.workload_of(pod) for pod in pods))
        word = "pod is" if len(pods) == 1 else "pods are"
        yield Evidence.of(
            snapshot.ref(node), "status", f"{len(pods)} {word} not ready on {node.name}: {names}", locator="pods"
        )


def _remedies(node: Node, why: str) -> tuple[Remedy, ...]:
    name = node.name
    return (
        kubectl.read("Look at the node and its events", f"describe node/{name}", why=why),
        kubectl.read("See its pods", f"get pods -A -o wide --field-selector spec.nodeName={name}"),
        kubectl.write(
            "Move its pods elsewhere",
            f"drain {name} --ignore-daemonsets --delete-emptydir-data",
            why="evicts every pod that a controller makes anew, and loses what is in emptyDir volumes",
        ),
    )


def _cordoned(cluster: Cluster, node: Node) -> Iterator[Finding]:
    if not node.spec.unschedulable:
        return
    ref = cluster.snapshot.ref(node)
    taint = next((item for item in node.spec.taints if item.key == "node.kubernetes.io/unschedulable"), None)
    since = taint.time_added if taint else None
    yield Finding.of(
        analyzer=ID,
        reason="NodeCordoned",
        ref=ref,
        title=f"{ref} is cordoned{describe_age(since, cluster.snapshot.taken_at)}",
        severity=Severity.INFO,
        confidence=0.95,
        cause="Somebody closed the node to new pods; those on it stay.",
        evidence=(Evidence.of(ref, "spec", "unschedulable: true", locator="spec.unschedulable", observed_at=since),),
        remedies=(
            kubectl.read("Look at the node", f"describe node/{node.name}"),
            kubectl.write("Let pods onto it again", f"uncordon {node.name}"),
        ),
        since=since,
    )


def _overcommitted(cluster: Cluster, node: Node) -> Iterator[Finding]:
    allocatable, requested = cluster.allocatable(node), cluster.requested(node)
    requested = {**requested, "pods": float(len(cluster.pods_by_node.get(node.name, ())))}
    over = {
        name: value for name, value in requested.items() if name in allocatable and value > allocatable[name] * 1.0001
    }
    if not over or not cluster.sees_all_pods:
        return
    ref = cluster.snapshot.ref(node)
    said = listed(f"{amount(name, value)} {name} of {amount(name, allocatable[name])}" for name, value in over.items())
    yield Finding.of(
        analyzer=ID,
        reason="RequestsExceedAllocatable",
        ref=ref,
        title=f"{ref}: pods request more than the node has",
        severity=Severity.INFO,
        confidence=0.9,
        cause=f"Pods on it request {said}: what it offers has shrunk, or pods came past the scheduler.",
        evidence=(Evidence.of(ref, "status", f"requested {said}", locator="status.allocatable"),),
        remedies=(kubectl.read("See what is reserved", f"describe node/{node.name}"),),
    )


plugin = AnalyzerPlugin(id=ID, title="Nodes that are not ready, under pressure or closed", analyze=analyze)
