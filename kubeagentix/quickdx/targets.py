"""What a user means by `deploy/web`: parsing the words, finding the object, and taking its part of the answer."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

from kubeagentix.domain.diagnosis import Finding, Hypothesis, ResourceRef, Target
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS, find_kind
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import NotFoundError, UsageError, excerpt
from kubeagentix.quickdx.graph import Graph

SLIP = 0.8  # so like a known kind, a word is that one misspelt
_CUSTOM_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9.-]+)?")
_LOOKED_THROUGH = (
    *("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "CronJob", "Job"),
    *("Pod", "Service", "Ingress"),
)


def parse_target(text: str | None, namespace: str | None) -> Target:
    """`KIND/NAME`, `KIND NAME` or a bare `NAME`, in a namespace (None: all). Raises UsageError."""
    if text is None or not text.strip():
        return Target(namespace=namespace)
    kind_word, _, name = text.strip().replace(" ", "/", 1).partition("/")
    if not kind_word:
        raise UsageError(
            f"{excerpt(text, 80)!r} is no KIND/NAME", hint="such as deploy/web; leave it out for everything"
        )
    if not name:
        return _bare_word(kind_word, namespace)
    kind = find_kind(kind_word)
    if kind is None and _may_be_custom(kind_word):
        return Target(namespace=namespace, kind=kind_word.lower(), name=_checked_name(text, name))
    if kind is None:
        raise UsageError(f"unknown kind {excerpt(kind_word, 60)!r}", hint=_did_you_mean(kind_word, _kind_words()))
    name = _checked_name(text, name)
    return Target(namespace=namespace if kind.is_namespaced else None, kind=kind.name, name=name)


def _checked_name(text: str, name: str) -> str:
    if "/" in name or " " in name:
        raise UsageError(
            f"{excerpt(text, 80)!r} is no KIND/NAME", hint="such as deploy/web; give the namespace with -n"
        )
    return name


def _may_be_custom(word: str) -> bool:
    """Whether a word may stand for a kind that the cluster defines: it is one, and no slip of a known one."""
    is_slip = difflib.get_close_matches(word.lower(), _kind_words(), n=1, cutoff=SLIP)
    return _CUSTOM_WORD.fullmatch(word) is not None and not is_slip


def _bare_word(word: str, namespace: str | None) -> Target:
    if find_kind(word) is not None:
        raise UsageError(f"{word!r} is a kind, not an object", hint=f"name one, as in {word}/NAME, or leave it out")
    return Target(namespace=namespace, name=word)


def resolve_target(snapshot: Snapshot, target: Target) -> ResourceRef | None:
    """The object that `target` names, or None if it names none. Raises NotFoundError with the nearest names."""
    if not target.name:
        return None
    kinds = _kinds_of(snapshot, target)
    objects = [item for kind in kinds for item in snapshot.objects.get(kind, ()) if _is_in(item.namespace, target)]
    found = [item for item in objects if item.name == target.name]
    if not found:
        others = (item for kind in kinds for item in snapshot.objects.get(kind, ()) if item.name == target.name)
        raise _not_found(snapshot, target, [item.name for item in objects], sorted({item.namespace for item in others}))
    refs = sorted({snapshot.ref(item) for item in found}, key=lambda ref: kinds.index(ref.kind))
    namespaces = {ref.namespace for ref in refs}
    if len(namespaces) > 1:
        places = ", ".join(sorted(namespaces)[:6])
        raise UsageError(f"{target.name!r} exists in several namespaces: {places}", hint="choose one with -n NAMESPACE")
    return refs[0]


def _kinds_of(snapshot: Snapshot, target: Target) -> tuple[str, ...]:
    """The kinds to look through. Raises UsageError for a word that no kind of the cluster has."""
    if not target.kind or target.kind in KINDS:
        return (target.kind,) if target.kind else _LOOKED_THROUGH
    custom = [kind for kind in snapshot.objects if kind not in KINDS]
    meant = tuple(kind for kind in custom if target.kind in _words_of(kind))
    if not meant:
        known = [*_kind_words(), *(kind.lower() for kind in custom)]
        raise UsageError(f"unknown kind {excerpt(target.kind, 60)!r}", hint=_did_you_mean(target.kind, known))
    return meant


def _words_of(kind: str) -> tuple[str, ...]:
    """How a custom kind may be written: `certificate`, `certificates`, either with its group."""
    name, dot, group = kind.lower().partition(".")
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith("s") else f"{name}s"
    return (kind.lower(), f"{plural}{dot}{group}")


def _is_in(namespace: str, target: Target) -> bool:
    return not namespace or target.namespace is None or namespace == target.namespace


def _not_found(snapshot: Snapshot, target: Target, names: Sequence[str], elsewhere: Sequence[str]) -> NotFoundError:
    what = f"{target.kind or 'object'} {excerpt(target.name, 80)!r}"
    place = f"namespace {target.namespace}" if target.namespace is not None else "any namespace"
    gap = next((gap for gap in snapshot.gaps if target.kind and gap.kind == target.kind), None)
    if gap is not None:
        return NotFoundError(f"cannot look for {what} in {place}: {gap.what}: {gap.why}")
    if elsewhere:
        hint = f"there is one in namespace {', '.join(elsewhere[:6])}{' …' if len(elsewhere) > 6 else ''}"
        return NotFoundError(f"there is no {what} in {place}", hint=hint)
    return NotFoundError(f"there is no {what} in {place}", hint=_did_you_mean(target.name, names))


def _kind_words() -> list[str]:
    return [word for kind in KINDS.values() for word in (kind.name.lower(), kind.plural, *kind.short_names)]


def _did_you_mean(word: str, names: Iterable[str]) -> str:
    pool = sorted(set(names))
    near = difflib.get_close_matches(word.lower(), pool, n=3, cutoff=0.5)
    if near:
        return f"did you mean {', '.join(near)}?"
    return f"there are {', '.join(pool[:8])}{' …' if len(pool) > 8 else ''}" if pool else "there are none of that kind"


def narrow(
    snapshot: Snapshot,
    graph: Graph,
    target: ResourceRef,
    findings: Sequence[Finding],
    hypotheses: Sequence[Hypothesis],
) -> tuple[tuple[Finding, ...], tuple[Hypothesis, ...]]:
    """The part of the answer that concerns `target`: what it needs, what explains that, and what is said of it.

    Hypotheses keep their rank among those of equal distance: first those on the way outwards from the target, the
    nearest first, then those that blame it or read their evidence off it (a Service whose selector misses it).
    """
    resource = snapshot.find(target)
    start = snapshot.workload_of(resource) if resource is not None else target
    near = {**graph.distances(start), target: 0}
    by_id = {finding.id: finding for finding in findings}
    distances: dict[str, int] = {}
    for item in hypotheses:
        own = [by_id[one] for one in item.findings]
        steps = [near[ref] for ref in (item.root, *(finding.ref for finding in own)) if ref in near]
        if steps or any(_speaks_of(finding, {start, target}) for finding in own if not finding.caused_by):
            distances[item.id] = min(steps, default=len(near))
    chosen = sorted((item for item in hypotheses if item.id in distances), key=lambda item: distances[item.id])
    wanted = [finding.id for finding in findings if finding.ref in near]
    wanted += [one for item in chosen for one in item.findings]
    return with_causes(findings, wanted), tuple(chosen)


def _speaks_of(finding: Finding, objects: Collection[ResourceRef]) -> bool:
    """Whether a finding elsewhere blames one of `objects` or has evidence from it."""
    # What the nodes have against a pod is read off each of them, and makes the pod no concern of theirs.
    read = [item.ref for item in finding.evidence if item.ref.kind != "Node"]
    return any(ref in objects for ref in (*finding.points_at, *read))


def in_namespace(snapshot: Snapshot, findings: Sequence[Finding], namespace: str) -> tuple[Finding, ...]:
    """The findings on `namespace`, its objects, their nodes and what accounts for their symptoms, and all causes."""
    pods = snapshot.in_namespace(Pod, namespace)
    nodes = {pod.spec.node_name for pod in pods if not pod.is_finished and pod.spec.node_name}
    here = (
        finding.id
        for finding in findings
        if _namespace_of(finding.ref) == namespace
        or (finding.ref.kind == Node.kind and finding.ref.name in nodes)
        or (not finding.ref.namespace and any(ref.namespace == namespace for ref in finding.explains))
    )
    return with_causes(findings, here)


def _namespace_of(ref: ResourceRef) -> str:
    return ref.name if ref.kind == "Namespace" else ref.namespace


def with_causes(findings: Sequence[Finding], chosen: Iterable[str]) -> tuple[Finding, ...]:
    """The findings of the `chosen` ids and all their causes, in the given order."""
    by_id = {finding.id: finding for finding in findings}
    kept: set[str] = set()
    pending = list(chosen)
    while pending:
        current = pending.pop()
        if current not in kept:
            kept.add(current)
            pending.extend(by_id[current].caused_by)
    return tuple(finding for finding in findings if finding.id in kept)
