"""Explains obstacles that are the nodes' own: labels, taints, cordons, room, ports."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.limit_defaults import is_set_by_limit_range
from kubeagentix.analysis.scheduler.case import Case, Explanation, kept_off, listed, others
from kubeagentix.analysis.scheduler.placement import (
    Choice,
    Cluster,
    affinity_selects,
    asked_by,
    host_ports,
    label_selects,
    requests_of,
    required_node_affinity,
    untolerated,
)
from kubeagentix.analysis.spelling import nearest
from kubeagentix.domain.diagnosis import Remedy
from kubeagentix.domain.nodes import Node, Taint
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.quantities import format_bytes, format_cpu

_RESOURCE_REASONS = {
    "cpu": "InsufficientCpu",
    "memory": "InsufficientMemory",
    "ephemeral-storage": "InsufficientEphemeralStorage",
}


def _asked_for(spec: PodSpec) -> str:
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(spec.node_selector.items()))
    return f"nodeSelector ({wanted})" if wanted else "the pod's node affinity"


def node_selector(case: Case) -> Explanation:
    """Labels that no node has; which of nodeSelector and node affinity asks for them."""
    spec, nodes = case.pod.spec, case.cluster.nodes
    if not nodes:
        return Explanation(
            reason="NodeSelector" if spec.node_selector else "NodeAffinity",
            cause=f"The scheduler says that nodes do not match {_asked_for(spec)}; the nodes could not be read, so "
            "which labels they have is not known.",
            remedies=_label_remedies(case, ()),
        )
    by_labels = [node for node in nodes if label_selects(spec, node)]
    by_affinity = [node for node in nodes if affinity_selects(spec, node)]
    if spec.node_selector and (not by_labels or by_affinity):
        return Explanation(
            reason="NodeSelector",
            cause=_selector_cause(case),
            phrase=_selector_phrase(case),
            remedies=_label_remedies(case, spec.node_selector),
        )
    return Explanation(
        reason="NodeAffinity",
        cause=_affinity_cause(case),
        phrase="no node fits its node affinity",
        remedies=_label_remedies(case, _affinity_keys(case)),
    )


def _on_no_node(case: Case) -> list[tuple[str, str]]:
    """The pairs of nodeSelector that no node has."""
    return [
        (key, value)
        for key, value in case.pod.spec.node_selector.items()
        if not any(node.metadata.labels.get(key) == value for node in case.cluster.nodes)
    ]


def _selector_phrase(case: Case) -> str:
    missing = _on_no_node(case)
    if not missing:
        return f"no node has all of {kubectl.labels_argument(case.pod.spec.node_selector)}"
    key, value = missing[0]
    near = _nearest_label(case.cluster.nodes, key, value)
    return f"no node has {key}={value}" + (f"; the nearest is {near}" if near else "")


def _nearest_label(nodes: tuple[Node, ...], key: str, value: str) -> str:
    """The label of a node that was most likely meant, as `key=value`; "" if none is alike."""
    values = {node.metadata.labels[key] for node in nodes if key in node.metadata.labels}
    if values:
        near = nearest(value, values)
        return f"{key}={near}" if near else ""
    like = nearest(key, {name for node in nodes for name in node.metadata.labels})
    held = sorted({node.metadata.labels[like] for node in nodes if like in node.metadata.labels}) if like else []
    return f"{like}={nearest(value, held) or held[0]}" if held else ""


def _selector_cause(case: Case) -> str:
    nodes, missing = case.cluster.nodes, _on_no_node(case)
    if not missing:
        wanted = kubectl.labels_argument(case.pod.spec.node_selector)
        also = " and meets its node affinity" if required_node_affinity(case.pod.spec) else ""
        return f"No single node has all of the labels {wanted} that nodeSelector asks for{also}."
    return " ".join(
        f"nodeSelector asks for {key}={value}, which none of the {len(nodes)} nodes has; {_instead(nodes, key, value)}."
        for key, value in missing
    )


def _instead(nodes: tuple[Node, ...], key: str, value: str) -> str:
    values: dict[str, list[str]] = {}
    for node in nodes:
        if key in node.metadata.labels:
            values.setdefault(node.metadata.labels[key], []).append(node.name)
    if not values:
        like = nearest(key, {name for node in nodes for name in node.metadata.labels})
        held = [node for node in nodes if like in node.metadata.labels] if like else []
        there = listed(f"{like}={node.metadata.labels[like]} ({node.name})" for node in held)
        return f"no node has a label {key}" + (f", the nearest is {like}: {there}" if like else "")
    near = nearest(value, values) if value else ""
    there = listed(f"{key}={found} ({listed(names)})" for found, names in sorted(values.items()))
    return f"there are {there}" + (f"; the nearest is {key}={near}" if near else "")


def _affinity_keys(case: Case) -> tuple[str, ...]:
    required = required_node_affinity(case.pod.spec)
    terms = required.node_selector_terms if required else ()
    return tuple(dict.fromkeys(item.key for term in terms for item in term.match_expressions))


def _affinity_cause(case: Case) -> str:
    required, nodes = required_node_affinity(case.pod.spec), case.cluster.nodes
    wanted: list[str] = []
    instead: list[str] = []
    for term in required.node_selector_terms if required else ():
        parts = (*term.match_expressions, *term.match_fields)
        wanted.append(" and ".join(f"{item.key} {item.operator} {','.join(item.values)}".strip() for item in parts))
        instead += [
            _instead(nodes, item.key, item.values[0] if item.operator == "In" and item.values else "")
            for item in term.match_expressions
            if not any(item.matches(node.metadata.labels) for node in nodes)
        ]
    said = f"The required node affinity ({' or '.join(wanted)}) fits none of the {len(nodes)} nodes"
    return f"{said}; {'; '.join(dict.fromkeys(instead))}." if instead else f"{said}."


def _label_remedies(case: Case, keys: Iterable[str]) -> tuple[Remedy, ...]:
    columns = "".join(f" -L {key}" for key in keys)
    command = f"get nodes{columns}" if columns else "get nodes --show-labels"
    return (
        kubectl.read("See the labels that nodes have", command),
        case.change("Ask for labels that a node has"),
    )


def taint(case: Case) -> Explanation:
    """A taint that somebody put there, and how far a toleration misses it."""
    tainted = [(node, taint) for node in case.nodes() for taint in untolerated(case.pod.spec, node)]
    key = case.choice.obstacle.detail
    tainted = [(node, taint) for node, taint in tainted if not key or taint.key == key] or tainted
    if not tainted:
        about = f" {key}" if key else ""
        return Explanation(
            reason="Taint", cause=f"The nodes have a taint{about} that the pod does not tolerate.", remedies=_taints()
        )
    taint = tainted[0][1]
    names = listed(node.name for node, _ in tainted)
    cause = f"{_node_word(len(tainted))} {names} {'has' if len(tainted) == 1 else 'have'} the taint {spell(taint)}"
    return Explanation(
        reason="Taint",
        cause=f"{cause}, {_toleration_gap(case.pod, taint)}.{others(case)}",
        phrase=f"it does not tolerate {spell(taint)} of {names}",
        remedies=(
            *_taints(),
            case.change(f"Tolerate {spell(taint)}"),
            kubectl.write(
                f"Take the taint off {tainted[0][0].name}",
                f"taint nodes {tainted[0][0].name} {taint.key}:{taint.effect}-",
                why="lets every pod onto the node",
            ),
        ),
    )


def spell(taint: Taint) -> str:
    """`key=value:Effect`, as `kubectl taint` takes it."""
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def _toleration_gap(pod: Pod, taint: Taint) -> str:
    for toleration in pod.spec.tolerations:
        if toleration.key != taint.key:
            continue
        if toleration.effect and toleration.effect != taint.effect:
            return f"while the pod tolerates that key only with effect {toleration.effect}"
        if toleration.operator != "Exists" and toleration.value != taint.value:
            return f"while the pod tolerates that key with value {toleration.value or '(empty)'}"
    tolerated = {toleration.key for toleration in pod.spec.tolerations if toleration.key}
    near = nearest(taint.key, tolerated)
    return "which the pod does not tolerate" + (f" (it tolerates {near})" if near else "")


def _taints() -> tuple[Remedy, ...]:
    columns = "NAME:.metadata.name,TAINTS:.spec.taints"
    return (kubectl.read("See the taints of nodes", f"get nodes -o custom-columns={columns}"),)


def _node_word(count: int) -> str:
    return "Node" if count == 1 else "Nodes"


def node_condition(case: Case) -> Explanation:
    """Nodes that are not well; they are what this points at."""
    nodes, spec = case.nodes(), case.pod.spec
    names = listed(f"{node.name} ({listed(_trouble(taint) for taint in untolerated(spec, node))})" for node in nodes)
    refs = tuple(case.cluster.snapshot.ref(node) for node in nodes)
    return Explanation(
        reason="Taint",
        cause=f"No pods are placed on {names or 'the nodes'} until the node is well again.{others(case)}",
        phrase=f"{names} is not well" if names else "",
        points_at=refs,
        remedies=(kubectl.read("See the nodes", "get nodes"), *(kubectl.describe(ref) for ref in refs[:1])),
    )


def _trouble(taint: Taint) -> str:
    return taint.key.partition("/")[2] or taint.key


def cordoned(case: Case) -> Explanation:
    """Nodes that somebody cordoned."""
    nodes = [node for node in case.nodes() if node.spec.unschedulable]
    names = listed(node.name for node in nodes) or "the nodes"
    verb = "is" if len(nodes) == 1 else "are"
    return Explanation(
        reason="Cordoned",
        cause=f"{names} {verb} cordoned, so no new pods are placed there.{others(case)}",
        phrase=f"{names} {verb} cordoned",
        points_at=tuple(case.cluster.snapshot.ref(node) for node in nodes),
        remedies=(
            kubectl.read("See which nodes are cordoned", "get nodes"),
            *(kubectl.write(f"Let pods onto {node.name} again", f"uncordon {node.name}") for node in nodes[:1]),
        ),
    )


def resource(case: Case) -> Explanation:
    """Not enough of a resource: asked for more than any node has, or than is left."""
    name = case.choice.obstacle.detail
    wanted = requests_of(case.pod.spec).get(name, 0.0)
    return Explanation(
        reason=_RESOURCE_REASONS.get(name, "InsufficientResource"),
        cause=_resource_cause(case, name, wanted) + _by_default(case, name) + others(case),
        phrase=f"not enough {name} for its {amount(name, wanted)}" if wanted else "",
        remedies=(
            kubectl.read("See what nodes have and what is reserved", "describe nodes", why="see Allocated resources"),
            *_limit_ranges(case, name),
            case.change(f"Request less {name}", why="or add nodes, or free some"),
        ),
    )


def _resource_cause(case: Case, name: str, wanted: float) -> str:
    cluster, nodes = case.cluster, case.nodes()
    asks = f"Nodes are short of {name}"
    if wanted:
        asks = f"Each pod requests {amount(name, wanted)} {name}{_by_container(case.pod.spec, name, wanted)}"
    if not nodes or not wanted:
        return f"{asks}, and no node has that much left."
    largest, roomiest = cluster.worked_out(_largest, case.choice, name)
    most = cluster.allocatable(largest).get(name, 0.0)
    if not most:
        return f"{asks}, and no node offers any: the device plugin is missing, or no such node exists."
    if wanted > most:
        return f"{asks}; the largest node it could be on, {largest.name}, has {amount(name, most)} in all."
    if not cluster.sees_all_pods:
        return f"{asks}; nodes are large enough ({largest.name} has {amount(name, most)} in all) but too full."
    left = max(cluster.free(roomiest).get(name, 0.0), 0.0)
    total = cluster.allocatable(roomiest).get(name, 0.0)
    return f"{asks}; the most that is free is {amount(name, left)} of {amount(name, total)}, on {roomiest.name}."


def _largest(cluster: Cluster, choice: Choice, name: str) -> tuple[Node, Node]:
    """Of the nodes that an obstacle stands for, the one that has most of a resource, and the one with most left."""
    nodes = cluster.worked_out(kept_off, choice)
    return (
        max(nodes, key=lambda node: cluster.allocatable(node).get(name, 0.0)),
        max(nodes, key=lambda node: cluster.free(node).get(name, 0.0)),
    )


def _by_container(spec: PodSpec, name: str, wanted: float) -> str:
    """Which containers ask for it, where that is not plain: ` (app 1, proxy 1)`, ` (init container load)`."""
    init = [item.name for item in spec.init_containers if asked_by(item).get(name) == wanted]
    shares = [(item.name, asked_by(item)[name]) for item in spec.containers if asked_by(item).get(name)]
    if init and sum(value for _, value in shares) < wanted:
        return f" (init container {init[0]})"
    return f" ({listed(f'{who} {amount(name, value)}' for who, value in shares)})" if len(shares) > 1 else ""


def _by_default(case: Case, name: str) -> str:
    """Whose the request is, where the pod's template does not state it."""
    if not is_set_by_limit_range(case.pod, name, "request"):
        return ""
    return f" The template does not ask for that: a LimitRange of the namespace sets the {name} request."


def _limit_ranges(case: Case, name: str) -> tuple[Remedy, ...]:
    if not is_set_by_limit_range(case.pod, name, "request"):
        return ()
    return (kubectl.read("See what the LimitRange sets", "describe limitrange", case.pod.namespace),)


def amount(resource: str, value: float) -> str:
    """A quantity of a resource in the unit people write it in."""
    if resource == "cpu":
        return format_cpu(value)
    if resource in ("memory", "ephemeral-storage") or resource.startswith("hugepages-"):
        return format_bytes(value)
    return f"{value:.4g}"


def too_many_pods(case: Case) -> Explanation:
    """Nodes that hold as many pods as they may."""
    full = listed(f"{node.name} ({case.cluster.allocatable(node).get('pods', 0):.0f} pods)" for node in case.nodes())
    return Explanation(
        reason="TooManyPods",
        cause=f"Nodes hold as many pods as they may: {full}.{others(case)}" if full else "Every node is full of pods.",
        phrase=f"too many pods on {listed(node.name for node in case.nodes())}" if full else "",
        remedies=(kubectl.read("See how many pods nodes may hold", "describe nodes", why="see Allocatable"),),
    )


def host_port(case: Case) -> Explanation:
    """A host port that another pod holds."""
    ports = listed(f"{port}/{protocol}" for protocol, port in sorted(host_ports(case.pod.spec)))
    holders = [
        f"{pod.namespace}/{pod.name} on {node.name}"
        for node in case.nodes()
        for pod in case.cluster.host_port_holders(node, case.pod.spec)
    ]
    held = f": taken by {listed(holders)}" if holders else ""
    return Explanation(
        reason="HostPort",
        cause=f"The pod asks for host port {ports}, which only one pod per node can have{held}.{others(case)}",
        phrase=f"host port {ports} is taken",
        remedies=(case.change("Do without hostPort", why="a Service reaches pods without one"),),
    )
