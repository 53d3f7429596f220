"""DaemonSets: nodes without a ready pod, selectors that match no node, pods on nodes that should have none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.node_life import is_announced_to_leave, late_pods
from kubeagentix.analysis.on_delete import waits_for_deletion
from kubeagentix.analysis.shortfall import (
    START_GRACE_S,
    broken_nodes,
    describe_age,
    earliest,
    is_older_than,
    pod_evidence,
    unready_since,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import LabelSelectorRequirement
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import NodeSelectorTerm, Pod, PodSpec, Toleration
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import DaemonSet

ID = "daemon-sets"
# What a node is, set by kubelet or cloud: a DaemonSet for Windows or arm64 that finds no such node is no mistake.
NODE_FACTS = ("kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch")
GENERATION = "pod-template-generation"  # of the template that a DaemonSet's pod was made from
NODES_SHOWN = 3
ROLE_PREFIX = "node-role.kubernetes.io/"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per DaemonSet and reason."""
    for daemon_set in snapshot.all(DaemonSet):
        if daemon_set.metadata.deletion_timestamp is None:
            yield from _unavailable(snapshot, daemon_set)
            yield from _no_matching_nodes(snapshot, daemon_set)
            yield from _misscheduled(snapshot, daemon_set)
            yield from _left_out(snapshot, daemon_set)
            yield from _on_delete(snapshot, daemon_set)


def _unavailable(snapshot: Snapshot, daemon_set: DaemonSet) -> Iterator[Finding]:
    ready, wanted = daemon_set.status.number_ready, daemon_set.status.desired_number_scheduled
    ref, now = snapshot.ref(daemon_set), snapshot.taken_at
    pods = snapshot.pods_of(ref)
    late = late_pods(snapshot, pods)
    if ready >= wanted or not (late or _lacks_pods(snapshot, daemon_set)):
        return
    since = earliest(unready_since(pod) for pod in late)
    yield Finding.of(
        analyzer=ID,
        reason="NumberUnavailable",
        ref=ref,
        title=f"{ref}: ready on {ready} of {wanted} nodes{describe_age(since, now)}"
        + _rollout(snapshot, daemon_set, late),
        severity=Severity.CRITICAL if ready == 0 else Severity.WARNING,
        confidence=0.6,
        cause="Pods are missing or not ready; what keeps them so is told by their own findings, if any.",
        evidence=(
            Evidence.of(ref, "status", f"{ready} of {wanted} pods ready", locator="status.numberReady"),
            *pod_evidence(snapshot, late),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.read(
                "See its pods",
                f"get pods -o wide -l {kubectl.labels_argument(daemon_set.spec.selector.match_labels)}",
                ref.namespace,
            ),
        ),
        points_at=broken_nodes(snapshot, late),
        is_symptom=True,
        since=since,
    )


def _rollout(snapshot: Snapshot, daemon_set: DaemonSet, late: tuple[Pod, ...]) -> str:
    """`; the rollout stands at 1 of 3 nodes` where it is the newest template's pods that do not become ready."""
    status = daemon_set.status
    is_partial = 0 < status.updated_number_scheduled < status.desired_number_scheduled
    if not is_partial or not late or not affected.older_ready_pods(snapshot, late):
        return ""
    return f"; the rollout stands at {status.updated_number_scheduled} of {status.desired_number_scheduled} nodes"


def _on_delete(snapshot: Snapshot, daemon_set: DaemonSet) -> Iterator[Finding]:
    status, ref = daemon_set.status, snapshot.ref(daemon_set)
    is_behind = status.updated_number_scheduled < status.desired_number_scheduled
    if daemon_set.spec.update_strategy.type != "OnDelete" or not is_behind:
        return
    pods = sorted(affected.live_pods(snapshot, ref), key=lambda pod: pod.metadata.labels.get(GENERATION, ""))
    old = pods[: status.desired_number_scheduled - status.updated_number_scheduled]
    if old and status.observed_generation >= daemon_set.metadata.generation:
        yield waits_for_deletion(ID, ref, tuple(pod.name for pod in old))


def _lacks_pods(snapshot: Snapshot, daemon_set: DaemonSet) -> bool:
    """Whether pods are missing altogether, and not because one is just being replaced."""
    status = daemon_set.status
    if status.current_number_scheduled >= status.desired_number_scheduled:
        return False
    is_moving = any(pod.is_terminating for pod in snapshot.pods_of(snapshot.ref(daemon_set)))
    return not is_moving and is_older_than(daemon_set.metadata.creation_timestamp, START_GRACE_S, snapshot.taken_at)


def _no_matching_nodes(snapshot: Snapshot, daemon_set: DaemonSet) -> Iterator[Finding]:
    spec, nodes = daemon_set.spec.template.spec, snapshot.all(Node)
    if daemon_set.status.desired_number_scheduled or not daemon_set.status.observed_generation:
        return
    if not nodes or not snapshot.was_read(Node):
        return
    matching = [node for node in nodes if _selects(spec, node)]
    ref = snapshot.ref(daemon_set)
    yield Finding.of(
        analyzer=ID,
        reason="NoMatchingNodes",
        ref=ref,
        title=f"{ref} runs nowhere: " + (_why_tainted(matching) if matching else f"no node has {_wanted(spec)}"),
        severity=Severity.INFO if not matching and _waits_for_machines(spec, nodes) else Severity.WARNING,
        confidence=0.9,
        cause=(
            "The nodes that its selector matches carry taints that it does not tolerate."
            if matching
            else f"{len(nodes)} nodes were looked at; {_nearest(spec, nodes)}."
        ),
        evidence=(
            Evidence.of(ref, "status", "0 nodes should run it", locator="status.desiredNumberScheduled"),
            Evidence.of(ref, "spec", f"it asks for {_wanted(spec)}", locator="spec.template.spec.nodeSelector"),
        ),
        remedies=(
            kubectl.read("See the nodes' labels", "get nodes --show-labels"),
            kubectl.edit(ref, "Correct the node selector, or add a toleration"),
        ),
    )


def _selects(spec: PodSpec, node: Node) -> bool:
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    terms = _terms(spec)
    return not terms or any(_term_selects(term, node) for term in terms)


def _terms(spec: PodSpec) -> tuple[NodeSelectorTerm, ...]:
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return affinity.required.node_selector_terms if affinity and affinity.required else ()


def _term_selects(term: NodeSelectorTerm, node: Node) -> bool:
    by_field = {"metadata.name": node.name}
    return all(requirement.matches(node.metadata.labels) for requirement in term.match_expressions) and all(
        requirement.matches(by_field) for requirement in term.match_fields
    )


def _wanted(spec: PodSpec) -> str:
    labels = [f"{key}={value}" for key, value in sorted(spec.node_selector.items())]
    items = [item for term in _terms(spec) for item in (*term.match_expressions, *term.match_fields)]
    labels.extend(" ".join((item.key, item.operator, ",".join(item.values))).strip() for item in items)
    return ", ".join(labels) or "no taint that it does not tolerate"


def _waits_for_machines(spec: PodSpec, nodes: tuple[Node, ...]) -> bool:
    """Whether what no node offers is a property of machines (a GPU, an architecture) that may not be there now."""
    wanted = [
        LabelSelectorRequirement(key=key, operator="In", values=(value,)) for key, value in spec.node_selector.items()
    ]
    wanted += [item for term in _terms(spec) for item in term.match_expressions]
    unmet = {item.key for item in wanted if not any(item.matches(node.metadata.labels) for node in nodes)}
    return bool(unmet) and all(key in NODE_FACTS or _is_unknown_fact(key, nodes) for key in unmet)


def _is_unknown_fact(key: str, nodes: tuple[Node, ...]) -> bool:
    """Labels with a domain are set by clouds and feature discovery, save those of roles, which people set."""
    is_by_machine = "/" in key and not key.startswith(ROLE_PREFIX)
    return is_by_machine and not any(key in node.metadata.labels for node in nodes)


def _nearest(spec: PodSpec, nodes: tuple[Node, ...]) -> str:
    for key in sorted(spec.node_selector):
        values = sorted({node.metadata.labels[key] for node in nodes if key in node.metadata.labels})
        if spec.node_selector[key] in values:
            continue
        return f"{key} is {', '.join(values[:5])} there" if values else f"none has a label {key}"
    return "none satisfies all of it"


def _why_tainted(matching: list[Node]) -> str:
    taints = sorted({f"{taint.key}={taint.value}:{taint.effect}" for node in matching for taint in node.spec.taints})
    return f"the matching nodes are tainted {', '.join(taints[:3])}" if taints else "no matching node takes it"


def _left_out(snapshot: Snapshot, daemon_set: DaemonSet) -> Iterator[Finding]:
    """Nodes that are meant by the selector and have no pod for want of a toleration: a choice, or an oversight."""
    spec, ref = daemon_set.spec.template.spec, snapshot.ref(daemon_set)
    if not daemon_set.status.desired_number_scheduled:
        return
    nodes = [
        node
        for node in snapshot.all(Node)
        if _selects(spec, node) and not _tolerates(spec.tolerations, node) and not is_announced_to_leave(node)
    ]
    if not nodes:
        return
    names = ", ".join(sorted(node.name for node in nodes)[:NODES_SHOWN])
    count = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    yield Finding.of(
        analyzer=ID,
        reason="NodesLeftOut",
        ref=ref,
        title=f"{ref} does not run on {count} ({names}): {_why_tainted(nodes)}",
        severity=Severity.INFO,
        confidence=0.9,
        cause="Its pods do not tolerate the taints of nodes that its selector takes.",
        evidence=tuple(
            Evidence.of(snapshot.ref(node), "spec", f"{node.name} is tainted", locator="spec.taints")
            for node in nodes[:NODES_SHOWN]
        ),
        remedies=(kubectl.edit(ref, "Add a toleration, if it is meant to run there"),),
    )


def _misscheduled(snapshot: Snapshot, daemon_set: DaemonSet) -> Iterator[Finding]:
    count = daemon_set.status.number_misscheduled
    if not count:
        return
    ref = snapshot.ref(daemon_set)
    nodes = [node for pod in snapshot.pods_of(ref) if (node := snapshot.get(Node, "", pod.spec.node_name)) is not None]
    spec = daemon_set.spec.template.spec
    misfits = [node for node in nodes if not _selects(spec, node) or not _tolerates(spec.tolerations, node)]
    is_passing = len(misfits) >= count and all(is_announced_to_leave(node) for node in misfits)
    wrong = sorted(node.name for node in misfits)
    yield Finding.of(
        analyzer=ID,
        reason="Misscheduled",
        ref=ref,
        title=f"{ref} runs on {count} node{'s' if count != 1 else ''} where it should not",
        severity=Severity.INFO if is_passing else Severity.WARNING,
        confidence=0.8 if snapshot.was_read(Node) else 0.5,  # it passes by itself where the node is to leave
        cause="The node's labels or taints changed after the pod was placed, or the selector did.",
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"{count} pods misscheduled" + (f", on {', '.join(wrong[:5])}" if wrong else ""),
                locator="status.numberMisscheduled",
            ),
        ),
        remedies=(kubectl.describe(ref), kubectl.read("See the nodes' labels", "get nodes --show-labels")),
    )


def _tolerates(tolerations: tuple[Toleration, ...], node: Node) -> bool:
    return all(
        any(_covers(toleration, taint.key, taint.value, taint.effect) for toleration in tolerations)
        for taint in node.spec.taints
        if taint.effect in ("NoSchedule", "NoExecute") and not taint.key.startswith("node.kubernetes.io/")
    )


def _covers(toleration: Toleration, key: str, value: str, effect: str) -> bool:
    if toleration.effect not in ("", effect) or toleration.key not in ("", key):
        return False
    return toleration.operator == "Exists" or (bool(toleration.key) and toleration.value == value)


plugin = AnalyzerPlugin(id=ID, title="DaemonSets and their nodes", analyze=analyze, scope="workload")
