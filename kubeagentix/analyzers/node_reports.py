"""Nodes of which nothing is heard though nobody says so: their kubelet reports no more, or their metrics are missing.

It is the controller manager that marks a node whose kubelet is silent; while that is down too, the node still counts
as ready. Nodes are held against each other, so that a picture that is old itself tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.node_life import is_leaving
from kubeagentix.analysis.shortfall import describe_age, format_duration, is_older_than
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.nodes import Node, NodeMetrics
from kubeagentix.domain.snapshot import Snapshot

ID = "node-reports"
# A kubelet reports every 5 minutes at least, whether or not something has changed; two reports may be lost.
# Source: KubeletConfiguration, nodeStatusReportFrequency.
SILENT = timedelta(minutes=15)
FIRST_METRICS_S = 600.0  # metrics-server needs two rounds of a new node


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per node: a warning where its kubelet is silent, `info` where only its metrics lack."""
    ready = [(node, item) for node in snapshot.all(Node) if (item := _ready(node)) is not None]
    beats = [item.last_heartbeat_time for _, item in ready if item.last_heartbeat_time is not None]
    newest = max(beats, default=None)
    for node, item in ready:
        if is_leaving(snapshot, node):
            continue
        beat = item.last_heartbeat_time
        if newest is not None and beat is not None and newest - beat >= SILENT:
            yield _silent(snapshot, node, beat, newest)
        elif _lacks_metrics(snapshot, node, item):
            yield _unmeasured(snapshot, node)


def _ready(node: Node) -> Condition | None:
    item = condition(node.status.conditions, "Ready")
    return item if item is not None and item.status == "True" else None


def _silent(snapshot: Snapshot, node: Node, beat: datetime, newest: datetime) -> Finding:
    ref = snapshot.ref(node)
    behind = format_duration((newest - beat).total_seconds())
    return Finding.of(
        analyzer=ID,
        reason="NodeStatusStale",
        ref=ref,
        title=f"{ref} counts as ready, and its kubelet has said nothing{describe_age(beat, snapshot.taken_at)}",
        severity=Severity.WARNING,
        confidence=0.8,
        cause="Its kubelet is stopped or cut off, and the controller manager, which is to mark such a node, has not: "
        "it is probably down as well. The node's pods still get traffic.",
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"the last report came {behind} before that of another node",
                locator="status.conditions[Ready].lastHeartbeatTime",
                observed_at=beat,
            ),
        ),
        remedies=(
            kubectl.read("See when each was heard of", "get leases", "kube-node-lease"),
            kubectl.read("See whether the controllers are alive", "get leases,pods", "kube-system"),
            kubectl.read("Look at the node and its events", f"describe node/{node.name}"),
        ),
        since=beat,
    )


def _lacks_metrics(snapshot: Snapshot, node: Node, ready: Condition) -> bool:
    """Whether it alone, or with others, is left out of the metrics that there are."""
    measured = snapshot.was_read(NodeMetrics) and bool(snapshot.all(NodeMetrics))
    is_settled = is_older_than(ready.last_transition_time, FIRST_METRICS_S, snapshot.taken_at)
    return measured and is_settled and snapshot.get(NodeMetrics, "", node.name) is None


def _unmeasured(snapshot: Snapshot, node: Node) -> Finding:
    ref = snapshot.ref(node)
    count = len(snapshot.all(NodeMetrics))
    return Finding.of(
        analyzer=ID,
        reason="NodeMetricsMissing",
        ref=ref,
        title=f"{ref} is left out of the metrics",
        severity=Severity.INFO,
        confidence=0.7,
        cause="metrics-server does not reach its kubelet (port 10250), as logs and exec may not either; autoscalers "
        "do not count its pods.",
        evidence=(
            Evidence.of(
                ref, "metric", f"there are metrics of {count} nodes, not of it", locator="metrics.k8s.io/nodes"
            ),
        ),
        remedies=(
            kubectl.read("Look at the node and its events", f"describe node/{node.name}"),
            kubectl.read("See what metrics-server says", "logs -l k8s-app=metrics-server --tail=20", "kube-system"),
        ),
    )


plugin = AnalyzerPlugin(id=ID, title="Nodes of which nothing is heard", analyze=analyze)
