"""Quick Dx from end to end: collect → analyze → correlate → answer. No model, no key.

Everything after collecting is a pure function of the snapshot, so a saved snapshot gives the same answer elsewhere.
Credentials are masked last, in the answer: what is looked into is what the cluster holds.
An analyzer that fails costs its own findings, never the diagnosis: it becomes a Gap that names it. One's own
analyzers (see `own_analyzers`) run last.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from kubeagentix import registry
from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.cluster.projections import gc_paused
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Gap, Target, digest
from kubeagentix.domain.events import Listener, StageChanged, silent
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import KubeAgentiXError, NotFoundError, excerpt
from kubeagentix.own_analyzers import load_packages, own_analyzers
from kubeagentix.quickdx.analyzing import analyze, worst_first
from kubeagentix.quickdx.answer import answer
from kubeagentix.quickdx.aside import aside
from kubeagentix.quickdx.changes import with_changes
from kubeagentix.quickdx.correlate import correlate
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.early import EarlyLooks
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.ignoring import Scope
from kubeagentix.quickdx.masking import masked
from kubeagentix.quickdx.target_reading import may_be_read_alone, read_target
from kubeagentix.quickdx.targets import in_namespace, resolve_target

MAX_NEIGHBOURS = 3  # namespaces read besides the one asked for; a chain of blame is seldom longer


async def run(
    source: Cluster | Snapshot,
    target: Target,
    *,
    include_lint: bool = False,
    ignore: Sequence[IgnoreRule] | None = (),
    deadline_s: float = 60.0,
    listen: Listener = silent,
    seen: Callable[[Snapshot], None] | None = None,
) -> Diagnosis:
    """Diagnoses `target` in a live cluster or in a saved picture. Raises NotFoundError if the target is not there.

    `ignore` holds rules to ignore known findings, besides the objects' annotations; None ignores nothing at all. `seen`
    is shown the picture that the answer rests on.
    """
    started_at, clock = datetime.now(UTC), time.perf_counter()
    if isinstance(source, Snapshot):
        snapshot = source
        if target.namespace is not None:
            _require_namespace(snapshot, target.namespace)
    else:
        is_whole = include_lint or seen is not None
        snapshot = await _read(source, target, ignore, deadline_s, listen, is_whole=is_whole)
    collect_s = time.perf_counter() - clock
    if seen is not None:
        seen(snapshot)
    work = partial(
        diagnose_snapshot,
        snapshot,
        target,
        include_lint=include_lint,
        ignore=ignore,
        started_at=started_at,
        collect_s=collect_s,
    )
    return await aside(lambda tell: work(listen=tell), listen)


async def _read(
    source: Cluster,
    target: Target,
    ignore: Sequence[IgnoreRule] | None,
    deadline_s: float,
    listen: Listener,
    *,
    is_whole: bool,
) -> Snapshot:
    """The picture of what `target` needs; or of all that surrounds it, where that is wanted or does not do."""
    looks = EarlyLooks(target, ignore, listen) if listen is not silent else None
    load_packages()
    if not is_whole and target.namespace is not None and may_be_read_alone(target) and not own_analyzers():
        clock = time.perf_counter()
        reader = source.part_reader(target.namespace, deadline_s=deadline_s, listen=listen)
        snapshot = await read_target(reader, target, looks)
        if snapshot is not None:
            return snapshot
        deadline_s = max(1.0, deadline_s - (time.perf_counter() - clock))
    return await collect(source, target.namespace, deadline_s=deadline_s, listen=listen, looks=looks)


def _require_namespace(snapshot: Snapshot, namespace: str) -> None:
    """Raises NotFoundError if the picture does not show that namespace: that nothing is wrong there is not known."""
    if snapshot.namespace is not None:
        held = {snapshot.namespace, *snapshot.neighbours}
    else:
        held = {item.name for item in snapshot.objects.get("Namespace", ())}
        held |= {item.namespace for items in snapshot.objects.values() for item in items if item.namespace}
    if namespace not in held:
        hint = nearest(namespace, held, of="namespaces")
        raise NotFoundError(f"the snapshot does not hold namespace {excerpt(namespace, 63)!r}", hint=hint)


async def collect(
    source: Cluster,
    namespace: str | None,
    *,
    deadline_s: float = 60.0,
    listen: Listener = silent,
    looks: EarlyLooks | None = None,
) -> Snapshot:
    """A picture of `namespace` (None: all) and of the namespaces that its faults lead to, for a diagnosis now or later.

    `looks` are taken at what is there while the rest is read. Raises what Cluster.read_snapshot raises.
    """
    clock = time.perf_counter()
    meanwhile = looks.follow if looks is not None else None
    snapshot = await source.read_snapshot(namespace, deadline_s=deadline_s, listen=listen, meanwhile=meanwhile)
    return await _with_neighbours(source, snapshot, clock + deadline_s, listen, looks)


async def _with_neighbours(
    source: Cluster, snapshot: Snapshot, deadline: float, listen: Listener, looks: EarlyLooks | None
) -> Snapshot:
    """`snapshot` and the other namespaces that its findings blame, so that a cause next door is seen."""
    for _ in range(MAX_NEIGHBOURS):
        further = await aside(partial(_neighbours, snapshot), silent) if snapshot.namespace is not None else ()
        if not further:
            break
        listen(StageChanged(stage="collect", done=0, total=1, detail=f"namespace {further[0]}"))
        try:
            left_s = max(1.0, deadline - time.perf_counter())
            meanwhile = looks.at(snapshot) if looks is not None else None
            other = await source.read_snapshot(further[0], deadline_s=left_s, listen=listen, meanwhile=meanwhile)
        except KubeAgentiXError as error:
            gap = Gap(what=f"namespace {further[0]}", why=str(error), namespace=further[0])
            return replace(snapshot, gaps=(*snapshot.gaps, gap))
        snapshot = snapshot.joined(other)
    return snapshot


def _neighbours(snapshot: Snapshot, _: Listener) -> tuple[str, ...]:
    return neighbours(snapshot)


def neighbours(snapshot: Snapshot) -> tuple[str, ...]:
    """Namespaces outside the picture that the built-in analyzers blame objects of, the most blamed first."""
    if snapshot.namespace is None:
        return ()
    found, _ = analyze(snapshot, [item for item in registry.analyzers().values() if not item.is_lint])
    return blamed_namespaces(snapshot, found)


def blamed_namespaces(snapshot: Snapshot, found: Iterable[Finding]) -> tuple[str, ...]:
    """Namespaces outside the picture of which findings blame objects, the most blamed first."""
    if snapshot.namespace is None:
        return ()
    blamed = Counter(ref.namespace for finding in found for ref in finding.points_at if ref.namespace)
    known = {snapshot.namespace, *snapshot.neighbours}
    return tuple(name for name, _ in blamed.most_common() if name not in known)


@gc_paused()  # each pass of the collector over a large picture takes a tenth of a second
def diagnose_snapshot(
    snapshot: Snapshot,
    target: Target,
    *,
    include_lint: bool = False,
    ignore: Sequence[IgnoreRule] | None = (),
    started_at: datetime | None = None,
    collect_s: float = 0.0,
    listen: Listener = silent,
) -> Diagnosis:
    """The pure part: the Diagnosis of one snapshot. `timings` are seconds per stage."""
    started_at = started_at or datetime.now(UTC)
    resolve_target(snapshot, target)
    clock = time.perf_counter()
    unloaded = load_packages()
    found, failed = analyze(snapshot, chosen_analyzers(include_lint=include_lint), listen)
    analyzed = time.perf_counter()
    listen(StageChanged(stage="correlate", done=0, total=1))
    diagnosis = conclude(
        snapshot,
        target,
        Graph.of(snapshot),
        found,
        include_lint=include_lint,
        ignore=ignore,
        gaps=(*unloaded, *failed),
        started_at=started_at,
        timings={"collect_s": round(collect_s, 4), "analyze_s": round(analyzed - clock, 4)},
    )
    listen(StageChanged(stage="correlate", done=1, total=1))
    return masked(snapshot, diagnosis)


def conclude(
    snapshot: Snapshot,
    target: Target,
    graph: Graph,
    found: Sequence[Finding],
    *,
    include_lint: bool,
    ignore: Sequence[IgnoreRule] | None,
    gaps: Iterable[Gap],
    started_at: datetime,
    timings: Mapping[str, float],
) -> Diagnosis:
    """What findings come to: correlated, ranked, narrowed to the target. Credentials still stand in it."""
    clock = time.perf_counter()
    place = resolve_target(snapshot, target)
    findings = with_changes(snapshot, graph, correlate(snapshot, found, graph))
    if target.namespace is not None:
        findings = in_namespace(snapshot, findings, target.namespace)
    scope = Scope(
        namespace=target.namespace if target.namespace is not None else snapshot.namespace,
        place=place,
        include_lint=include_lint,
    )
    told = answer(snapshot, graph, findings, ignore, scope)
    return Diagnosis(
        id=digest("d", snapshot.cluster, str(target), started_at.isoformat()),
        target=target,
        cluster=snapshot.cluster,
        hypotheses=told.hypotheses,
        findings=tuple(sorted(told.findings, key=worst_first)),
        gaps=(*snapshot.gaps, *gaps),
        ignored=told.ignored,
        notes=told.notes,
        timings={**timings, "correlate_s": round(time.perf_counter() - clock, 4)},
        counts={kind: len(items) for kind, items in snapshot.objects.items() if items},
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def chosen_analyzers(*, include_lint: bool) -> tuple[AnalyzerPlugin, ...]:
    """The analyzers that run, in their order: the built-in ones, then one's own."""
    known = (*registry.analyzers().values(), *own_analyzers())
    return tuple(item for item in known if include_lint or not item.is_lint)
