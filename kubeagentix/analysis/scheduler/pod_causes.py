"""Explains obstacles that lie with other objects: pods already placed, volumes and claims."""

from __future__ import annotations

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.scheduler.case import Case, Explanation, listed, others
from kubeagentix.analysis.scheduler.placement import claim_names, selects
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.volume_places import lost_nodes
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import Pod, PodAffinityTerm, TopologySpreadConstraint
from kubeagentix.domain.storage import PersistentVolume, PersistentVolumeClaim


def _terms(case: Case, *, is_anti: bool) -> tuple[PodAffinityTerm, ...]:
    affinity = case.pod.spec.affinity
    part = (affinity.pod_anti_affinity if is_anti else affinity.pod_affinity) if affinity else None
    return part.required if part else ()


def _matching(case: Case, term: PodAffinityTerm) -> list[Pod]:
    """The placed pods a term is about; namespaces chosen by label count as all."""
    namespaces = term.namespaces or (case.pod.namespace,)
    selector = term.label_selector
    if selector is None:
        return []
    return [
        pod
        for pod in case.cluster.snapshot.all(Pod)
        if (term.namespace_selector is not None or pod.namespace in namespaces)
        and pod.spec.node_name
        and not pod.is_finished
        and selector.matches(pod.metadata.labels)
    ]


def _spell_term(term: PodAffinityTerm) -> str:
    selector = term.label_selector
    labels = kubectl.labels_argument(selector.match_labels) if selector else ""
    expressions = selector.match_expressions if selector else ()
    rest = " and ".join(f"{item.key} {item.operator} {','.join(item.values)}".strip() for item in expressions)
    return f"{' and '.join(part for part in (labels, rest) if part) or 'any label'} per {term.topology_key}"


def pod_affinity(case: Case) -> Explanation:
    """A pod to stand beside that is not there, or where there is no room."""
    terms = _terms(case, is_anti=False)
    unmet = [term for term in terms if not _matching(case, term)]
    if unmet:
        cause = f"The pod must be placed beside a pod with {_spell_term(unmet[0])}, and no running pod is one."
        cause += _nearest_pod(case, unmet[0])
        phrase = f"no pod with {_spell_term(unmet[0]).partition(' per ')[0]} is there to stand beside"
    else:
        phrase = "no room beside the pods that it must stand beside"
        spelled = listed(_spell_term(term) for term in terms) or "the labels it names"
        holders = [f"{pod.name} on {pod.spec.node_name}" for term in terms for pod in _matching(case, term)]
        there = f" ({listed(holders)})" if holders else ""
        cause = f"The pod must be placed beside a pod with {spelled}{there}, and there is no room for it there."
    return Explanation(
        reason="PodAffinity",
        cause=cause + others(case),
        phrase=phrase,
        remedies=(
            kubectl.read("See where pods are", "get pods -o wide --show-labels", case.pod.namespace),
            case.change("Loosen podAffinity"),
        ),
    )


def _nearest_pod(case: Case, term: PodAffinityTerm) -> str:
    """The pod whose label is most like the one that is asked for, in a sentence; "" if none is."""
    wanted = term.label_selector.match_labels if term.label_selector else {}
    for key, value in wanted.items():
        held = {
            pod.metadata.labels[key]: pod.name
            for pod in case.cluster.snapshot.in_namespace(Pod, case.pod.namespace)
            if key in pod.metadata.labels and pod.spec.node_name
        }
        near = nearest(value, held)
        if near and near != value:
            return f" The nearest is {key}={near} ({held[near]})."
    return ""


def pod_anti_affinity(case: Case) -> Explanation:
    """Pods that must not stand beside each other."""
    terms = _terms(case, is_anti=True)
    holders = [f"{pod.name} on {pod.spec.node_name}" for term in terms for pod in _matching(case, term)]
    if terms:
        spelled = listed(_spell_term(term) for term in terms)
        cause = f"The pod must not be placed beside a pod with {spelled}"
        cause += f"; such are {listed(holders)}." if holders else "."
    else:
        cause = "Pods that are already on the nodes refuse to have this one beside them, by their podAntiAffinity."
    return Explanation(
        reason="PodAntiAffinity",
        cause=cause + others(case),
        phrase=f"it must not stand beside {listed(holders)}" if holders else "",
        remedies=(
            kubectl.read("See where pods are", "get pods -o wide --show-labels", case.pod.namespace),
            case.change("Prefer, rather than require, podAntiAffinity", why="or add nodes, or run fewer replicas"),
        ),
    )


def pod_affinity_or_anti(case: Case) -> Explanation:
    """A message that does not say which of the two: decided by what the pod asks for."""
    is_unmet = any(not _matching(case, term) for term in _terms(case, is_anti=False))
    is_only = bool(_terms(case, is_anti=False)) and not _terms(case, is_anti=True)
    return pod_affinity(case) if is_unmet or is_only else pod_anti_affinity(case)


def topology_spread(case: Case) -> Explanation:
    """A spread that no node keeps even."""
    hard = [
        item for item in case.pod.spec.topology_spread_constraints if item.when_unsatisfiable in ("", "DoNotSchedule")
    ]
    keys = listed(f"{item.topology_key} (maxSkew {item.max_skew})" for item in hard) or "its topology"
    unlabelled = [
        f"no node has the label {item.topology_key}"
        for item in hard
        if case.cluster.nodes and not any(item.topology_key in node.metadata.labels for node in case.cluster.nodes)
    ]
    counted = _where_next(case, hard[0]) if hard else ""
    why = f": {listed(unlabelled)}" if unlabelled else counted
    why = why or ", and the places that have the fewest cannot take one more"
    return Explanation(
        reason="TopologySpread",
        phrase=f"it cannot be spread evenly over {keys}",
        cause=f"The pod must be spread evenly over {keys}{why}.{others(case)}",
        remedies=(
            kubectl.read("See the labels that nodes have", "get nodes --show-labels"),
            case.change("Spread with whenUnsatisfiable: ScheduleAnyway"),
        ),
    )


def _where_next(case: Case, constraint: TopologySpreadConstraint) -> str:
    """How many such pods each place has, and which must have the next; "" where pods or places cannot be counted.

    Tainted nodes count as places (nodeTaintsPolicy: Ignore is the default).
    """
    key, selector = constraint.topology_key, constraint.label_selector
    nodes = [node for node in case.cluster.nodes if key in node.metadata.labels and selects(case.pod.spec, node)]
    if not nodes or selector is None:
        return ""
    place = {node.name: node.metadata.labels[key] for node in nodes}
    counts = dict.fromkeys(sorted(place.values()), 0)
    for pod in case.cluster.snapshot.pods_matching(case.pod.namespace, selector):
        if pod.spec.node_name in place and pod.is_live:
            counts[place[pod.spec.node_name]] += 1
    fewest = [value for value, count in counts.items() if count == min(counts.values())]
    theirs = [node.name for node in nodes if place[node.name] in fewest]
    have = listed(f"{value} has {count}" for value, count in counts.items())
    return f" ({have}), so the next belongs to {listed(fewest)}, and {listed(theirs)} does not take it"


def volume_node_affinity(case: Case) -> Explanation:
    """A bound volume that the nodes cannot reach."""
    snapshot, pod = case.cluster.snapshot, case.pod
    places, lost = [], []
    for name in claim_names(pod):
        claim = snapshot.get(PersistentVolumeClaim, pod.namespace, name)
        volume = snapshot.get(PersistentVolume, "", claim.spec.volume_name) if claim else None
        required = volume.spec.node_affinity.required if volume and volume.spec.node_affinity else None
        if volume and required:
            parts = [item for term in required.node_selector_terms for item in term.match_expressions]
            where = " and ".join(f"{item.key} {item.operator} {','.join(item.values)}" for item in parts)
            lost += [snapshot.ref(volume)] if lost_nodes(snapshot, volume) else []
            places.append(f"claim {name} is bound to volume {volume.name}, which only nodes with {where} can reach")
    said = listed(places) or "a bound volume cannot be reached from them"
    return Explanation(
        reason="VolumeNodeAffinity",
        phrase="its volume cannot be reached from the nodes that would take it",
        cause=f"The nodes that would take the pod cannot mount its volume: {said}.{others(case)}",
        points_at=tuple(lost),
        remedies=(
            kubectl.read("See the claims of the pod", "get pvc", pod.namespace),
            kubectl.read("See from where volumes can be reached", "describe pv", why="see Node Affinity"),
        ),
    )


def volume_limit(case: Case) -> Explanation:
    """Nodes that have as many volumes attached as they can."""
    names = listed(node.name for node in case.nodes()) or "the nodes"
    return Explanation(
        reason="TooManyVolumes",
        cause=f"{names} can have no more volumes attached, by the limit of their driver.{others(case)}",
        phrase=f"too many volumes on {names}",
        remedies=(
            kubectl.read("See which volumes are attached where", "get volumeattachments"),
            kubectl.read("See what drivers allow", "get csinodes -o yaml"),
        ),
    )


def _claims(case: Case) -> list[ResourceRef]:
    """The claims of the pod that are not bound, missing ones among them, as far as that can be known."""
    snapshot, namespace = case.cluster.snapshot, case.pod.namespace
    refs = []
    for name in claim_names(case.pod):
        claim = snapshot.get(PersistentVolumeClaim, namespace, name)
        if claim.status.phase != "Bound" if claim else snapshot.was_read(PersistentVolumeClaim, namespace, name=name):
            refs.append(snapshot.named("PersistentVolumeClaim", namespace, name))
    return refs


def claim_unbound(case: Case) -> Explanation:
    """A claim without a volume."""
    refs = _claims(case)
    names = listed(ref.name for ref in refs) or listed(claim_names(case.pod)) or "of the pod"
    return Explanation(
        reason="VolumeClaimUnbound",
        phrase=f"claim {names} is not bound",
        cause=f"The pod waits for its PersistentVolumeClaim {names}, which has no usable volume.",
        points_at=tuple(refs),
        remedies=tuple(kubectl.describe(ref, "its events say why it is not bound") for ref in refs[:2])
        or (kubectl.read("See the claims", "get pvc", case.pod.namespace),),
    )


def claim_not_found(case: Case) -> Explanation:
    """A claim that does not exist."""
    snapshot, namespace = case.cluster.snapshot, case.pod.namespace
    name = case.choice.obstacle.detail
    if snapshot.get(PersistentVolumeClaim, namespace, name):  # it came since
        return claim_unbound(case)
    near = nearest(name, (claim.name for claim in snapshot.in_namespace(PersistentVolumeClaim, namespace)))
    hint = f"; the nearest that exists is {near}" if near else ""
    return Explanation(
        reason="VolumeClaimNotFound",
        phrase=f"claim {name} does not exist{f'; the nearest is {near}' if near else ''}",
        cause=f"The pod mounts PersistentVolumeClaim {name}, which does not exist in namespace {namespace}{hint}.",
        points_at=(snapshot.named("PersistentVolumeClaim", namespace, name),),
        remedies=(
            kubectl.read("See the claims there are", "get pvc", namespace),
            case.change("Name a claim that exists", why=f"or create the claim {name}"),
        ),
    )
