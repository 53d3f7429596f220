"""What wears a node down before it fails: an old kubelet, images that cannot be cleared away, no memory left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.scheduler.placement import Cluster, tolerates
from kubeagentix.analysis.templates import templates
from kubeagentix.analysis.troubles import event_evidence, sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import condition
from kubeagentix.domain.nodes import Event, Node, NodeMetrics, Taint
from kubeagentix.domain.pods import Pod, Toleration
from kubeagentix.domain.quantities import format_bytes, format_cpu, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot

ID = "node-upkeep"
RECENT = timedelta(hours=1)  # as long as an API server keeps events by default
_VERSION = re.compile(r"^v?1\.(\d+)")
# How many minor versions a kubelet may be older than its API server. Source: kubernetes.io, Version Skew Policy.
_MAY_LAG, _MAY_LAG_BEFORE_28 = 3, 2
# What is reported of nodes, and which condition says the same: (words, condition).
# Source: pkg/kubelet/events/event.go.
_EVENTS = {
    "ImageGCFailed": ("cannot clear away enough images", "DiskPressure"),
    "FreeDiskSpaceFailed": ("cannot free enough disk space", "DiskPressure"),
    "ContainerGCFailed": ("cannot clear away dead containers", "DiskPressure"),
    "EvictionThresholdMet": ("runs short, and is about to evict pods", "MemoryPressure"),
    "SystemOOM": ("ran out of memory, and the kernel killed a process of the system", "MemoryPressure"),
    "KubeletSetupFailed": ("has a kubelet that cannot set itself up", "Ready"),
    "Rebooted": ("was rebooted", ""),
    # The rest is said by node-problem-detector. Source: its config/kernel-monitor.json, network-problem-monitor.json.
    "ConntrackFull": ("has no room for more connections in its conntrack table: new ones are dropped", ""),
    "Ext4Error": ("has a damaged file system", "ReadonlyFilesystem"),
    "IOError": ("cannot read or write a disk", "ReadonlyFilesystem"),
    "KernelOops": ("had a fault in its kernel", "KernelDeadlock"),
    "TaskHung": ("has processes that wait for minutes, as a rule for a disk", "KernelDeadlock"),
}
# Of the others one may be a hiccup, or come of a kubelet that has just started and does not know its disks.
_ONCE = ("SystemOOM", "Rebooted", "ConntrackFull", "Ext4Error", "KernelOops")
_NEARLY_ALL = 0.9  # of what a node offers: what is left is less than one more pod needs


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per node and matter; warnings only where housekeeping fails or memory ran out."""
    cluster = Cluster(snapshot=snapshot)
    for node in snapshot.all(Node):
        yield from _skew(snapshot, node)
        yield from _housekeeping(snapshot, node)
        yield from _usage(cluster, node)
        yield from _unused_taints(cluster, node)


def _minor(version: str) -> int | None:
    match = _VERSION.match(version)
    return int(match[1]) if match is not None else None


def _skew(snapshot: Snapshot, node: Node) -> Iterator[Finding]:
    version = node.status.node_info.kubelet_version
    own, server = _minor(version), _minor(snapshot.server_version)
    if own is None or server is None:
        return
    may_lag = _MAY_LAG if server >= 28 else _MAY_LAG_BEFORE_28
    if server - may_lag <= own <= server:
        return
    ref = snapshot.ref(node)
    is_newer = own > server
    said = f"kubelet {version}, API server {snapshot.server_version}"
    yield Finding.of(
        analyzer=ID,
        reason="VersionSkew",
        ref=ref,
        title=f"{ref}: its kubelet is {'newer than' if is_newer else 'too old for'} the API server ({said})",
        severity=Severity.INFO,
        confidence=0.9,
        cause="A kubelet must not be newer than the API server: what it sends may not be understood."
        if is_newer
        else f"A kubelet may be {may_lag} minor versions older than the API server; this one is {server - own}.",
        evidence=(Evidence.of(ref, "status", said, locator="status.nodeInfo.kubeletVersion"),),
        remedies=(kubectl.read("See the versions of all nodes", "get nodes -o wide"),),
    )


def _housekeeping(snapshot: Snapshot, node: Node) -> Iterator[Finding]:
    newest: dict[str, Event] = {}
    for event in snapshot.events_for(node):
        is_recent = event.seen_at is None or snapshot.taken_at - event.seen_at <= RECENT
        if event.reason in _EVENTS and is_recent and (event.times > 1 or event.reason in _ONCE):
            newest.setdefault(event.reason, event)
    for reason, event in newest.items():
        words, same = _EVENTS[reason]
        told = condition(node.status.conditions, same) if same else None
        if told is not None and told.status == ("False" if same == "Ready" else "True"):
            continue  # the condition says it already
        yield _event_finding(snapshot, node, event, words)


def _event_finding(snapshot: Snapshot, node: Node, event: Event, words: str) -> Finding:
    ref = snapshot.ref(node)
    return Finding.of(
        analyzer=ID,
        reason=event.reason,
        ref=ref,
        title=f"{ref} {words}",
        severity=Severity.INFO if event.reason == "Rebooted" else Severity.WARNING,
        confidence=0.85,
        cause=f"{_speaker(event)} says: {sentence(event.message or event.reason)}",
        evidence=(event_evidence(snapshot, event, ref),),
        remedies=(
            kubectl.read("Look at the node and its events", f"describe node/{node.name}"),
            kubectl.read("See its pods", f"get pods -A -o wide --field-selector spec.nodeName={node.name}"),
        ),
        since=event.first_timestamp,
    )


def _speaker(event: Event) -> str:
    component = event.source.component or event.reporting_component
    return "The kubelet" if component in ("", "kubelet") else component


def _usage(cluster: Cluster, node: Node) -> Iterator[Finding]:
    metrics = cluster.snapshot.get(NodeMetrics, "", node.name)
    ref = cluster.snapshot.ref(node)
    for resource, spell in (("memory", format_bytes), ("cpu", format_cpu)):
        used = quantity_or_zero(metrics.usage.get(resource)) if metrics is not None else 0.0
        offered = cluster.allocatable(node).get(resource, 0.0)
        if metrics is None or not offered or used < _NEARLY_ALL * offered:
            continue
        said = f"{spell(used)} of {spell(offered)} {resource}"
        yield Finding.of(
            analyzer=ID,
            reason=f"Node{'Memory' if resource == 'memory' else 'CPU'}NearlyUsedUp",
            ref=ref,
            title=f"{ref} uses {said}",
            severity=Severity.INFO,
            confidence=0.8,
            cause="Pods on it are about to be evicted or killed for want of memory."
            if resource == "memory"
            else "Its pods wait for each other.",
            evidence=(
                Evidence.of(
                    ref, "metric", f"uses {said}", locator=f"metrics.k8s.io/{resource}", observed_at=metrics.timestamp
                ),
            ),
            remedies=(kubectl.read("See which pods use it", "top pods -A --sort-by=" + resource),),
        )


def _unused_taints(cluster: Cluster, node: Node) -> Iterator[Finding]:
    """Taints of people's own keys that no pod template tolerates by its key: nothing ever comes there."""
    snapshot = cluster.snapshot
    if not node.spec.taints or not cluster.sees_all_pods:
        return
    tolerations = snapshot.derived(_tolerations)
    ref = snapshot.ref(node)
    for taint in node.spec.taints:
        is_own = "kubernetes.io/" not in taint.key and taint.effect in ("NoSchedule", "NoExecute")
        if not is_own or any(tolerates(toleration, taint) for toleration in tolerations):
            continue
        yield Finding.of(
            analyzer=ID,
            reason="TaintNotTolerated",
            ref=ref,
            title=f"{ref}: no pod tolerates its taint {_spell(taint)}",
            severity=Severity.INFO,
            confidence=0.7,
            cause="No pod template of the cluster tolerates the taint by its key, so the node stays empty.",
            evidence=(Evidence.of(ref, "spec", f"taint {_spell(taint)}", locator="spec.taints"),),
            remedies=(kubectl.read("Look at the node", f"describe node/{node.name}"),),
            detail=taint.key,
        )


def _tolerations(snapshot: Snapshot) -> tuple[Toleration, ...]:
    specs = (*(item.spec for item in templates(snapshot)), *(pod.spec for pod in snapshot.all(Pod)))
    shared = {id(spec.tolerations): spec.tolerations for spec in specs}  # replicas have the very same ones
    return tuple({item for tolerations in shared.values() for item in tolerations if item.key})


def _spell(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


plugin = AnalyzerPlugin(id=ID, title="Nodes that wear down", analyze=analyze)
