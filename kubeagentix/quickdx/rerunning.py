"""Quick Dx after a change: what rests on nothing that has changed is kept, the rest is found anew.

Analyzers that judge each object by its own namespace and by what it names run on one namespace's slice at a time, the
others on everything. Either run notes what it looks at, and is kept until one of its notes is void, so the answer is
that of a whole Quick Dx of the same picture. Time stands still between two ticks: it would make nearly everything void.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.cluster.projections import gc_paused
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Gap, ResourceRef, Target
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.own_analyzers import load_packages
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.carrying import carry
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.graph import Edge, Graph, Relation
from kubeagentix.quickdx.masking import learn
from kubeagentix.quickdx.noted import LOG, TIME, Groups, Note, marks_of, namespaces_of, view_of
from kubeagentix.quickdx.pipeline import blamed_namespaces, chosen_analyzers, conclude
from kubeagentix.redaction import current

TICK = timedelta(seconds=30)  # what lasts is told by the minute
# By their ids those that run on slices: they ask for all objects of a namespaced kind only in order to judge each of
# them, and for none of a kind that belongs to no namespace. A test runs each of them both ways.
SLICED = frozenset(
    (
        *("certificates", "claim-resizes", "claims", "config-sizes", "container-config", "container-start", "crashes"),
        *("cron-jobs", "daemon-sets", "deployments", "disruption-budgets", "endpoints-by-hand", "failing-servers"),
        *("images", "init-containers", "jobs", "memory", "misdirected-services", "mounts", "pod-endings"),
        *("pod-readiness", "probes", "references", "replica-sets", "restarts", "rollouts", "sandboxes"),
        *("service-ports", "services", "shared-claims", "stale-configuration", "stateful-sets", "sub-paths"),
        *("traffic-policies", "unobserved", "usage"),
    )
)


@dataclass(slots=True)
class _Run:
    """What came of one run: of the sliced analyzers on a namespace, or of another one on everything."""

    found: Mapping[str, Sequence[Finding]]
    failed: Sequence[Gap]
    notes: frozenset[Note]
    graph: Graph | None = None


@dataclass(slots=True)
class RerunCounts:
    """What was run at the latest look."""

    slices: int = 0
    analyzers: int = 0


@dataclass(slots=True)
class _Kept:
    """Runs by namespace or analyzer, and by each note the runs that rest on it."""

    frame: Hashable = None
    runs: dict[tuple[str, str], _Run] = field(default_factory=dict)
    resting: defaultdict[Note, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))

    def put(self, key: tuple[str, str], run: _Run) -> None:
        self.drop(key)
        self.runs[key] = run
        for note in run.notes:
            self.resting[note].add(key)

    def drop(self, key: tuple[str, str]) -> None:
        run = self.runs.pop(key, None)
        for note in run.notes if run is not None else ():
            self.resting[note].discard(key)
            if not self.resting[note]:
                del self.resting[note]

    def without(self, marks: Iterable[Note]) -> None:
        """Drops every run that rests on one of these."""
        for key in {key for mark in marks if mark in self.resting for key in self.resting[mark]}:
            self.drop(key)


_SLICE, _WIDE = "slice", "analyzer"


class Rerunning:
    """The Diagnosis of one picture after another."""

    def __init__(self, target: Target, *, include_lint: bool, ignore: Sequence[IgnoreRule] | None) -> None:
        self.counts = RerunCounts()
        self.snapshot: Snapshot | None = None  # the one that the latest answer is about
        self._target, self._include_lint, self._ignore = target, include_lint, ignore
        self._unloaded = load_packages()
        self._kept = _Kept()
        self._found: list[Finding] = []

    def diagnose(self, snapshot: Snapshot, changes: Sequence[ObjectChange]) -> Diagnosis:
        """The Diagnosis of `snapshot`, which differs from the one before by `changes`. Raises NotFoundError."""
        with gc_paused():
            return self._diagnose(snapshot, changes)

    def _diagnose(self, snapshot: Snapshot, changes: Sequence[ObjectChange]) -> Diagnosis:
        started_at, clock = datetime.now(UTC), time.perf_counter()
        before, snapshot = self.snapshot, self._at_its_time(snapshot)
        self._forget(before, snapshot, changes)
        self.snapshot, self.counts = snapshot, RerunCounts()
        chosen = chosen_analyzers(include_lint=self._include_lint)
        graph = self._run_slices(snapshot, [item for item in chosen if _is_sliced(item)])
        self._found, failed = self._all_found(snapshot, chosen)
        analyzed_s = time.perf_counter() - clock
        diagnosis = conclude(
            snapshot,
            self._target,
            graph,
            self._found,
            include_lint=self._include_lint,
            ignore=self._ignore,
            gaps=(*self._unloaded, *failed),
            started_at=started_at,
            timings={"analyze_s": round(analyzed_s, 4)},
        )
        new = snapshot.all(Pod) if before is None else [item.new for item in changes if isinstance(item.new, Pod)]
        learn(replace(snapshot, objects={Pod.kind: tuple(new)}), current())
        return current().value(diagnosis)

    def blamed_namespaces(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Namespaces outside the picture that the latest findings blame, the most blamed first."""
        return blamed_namespaces(snapshot, self._found)

    def _at_its_time(self, snapshot: Snapshot) -> Snapshot:
        before = self.snapshot
        if before is None or not timedelta() <= snapshot.taken_at - before.taken_at < TICK:
            return snapshot
        return replace(snapshot, taken_at=before.taken_at)

    def _forget(self, before: Snapshot | None, now: Snapshot, changes: Sequence[ObjectChange]) -> None:
        """Drops what rests on anything that has changed."""
        frame = _frame(now)
        if before is None or frame != self._kept.frame:
            self._kept = _Kept(frame=frame)
            return
        carry(before, now, changes)
        marks = {mark for change in changes for mark in marks_of(change)}
        stale = {namespace for change in changes for namespace in namespaces_of(change)}
        if now.taken_at != before.taken_at:
            marks.add(TIME)
        if now.logs != before.logs:
            differing = {log.namespace for log in {*now.logs} ^ {*before.logs}}
            stale |= differing
            marks |= {(LOG,), *((LOG, namespace) for namespace in differing)}
        self._kept.without(marks)
        for namespace in stale:
            self._kept.drop((_SLICE, namespace))

    def _run_slices(self, snapshot: Snapshot, analyzers: Sequence[AnalyzerPlugin]) -> Graph:
        namespaces = snapshot.derived(Groups).namespaces
        for kind, namespace in [key for key in self._kept.runs if key[0] == _SLICE]:
            if namespace not in namespaces:
                self._kept.drop((kind, namespace))
        graphs: dict[str, Graph] = {}
        for namespace in namespaces:
            key = (_SLICE, namespace)
            if key not in self._kept.runs:
                self._kept.put(key, _run_slice(snapshot, namespace, analyzers))
                self.counts.slices += 1
            graph = self._kept.runs[key].graph
            assert graph is not None
            graphs[namespace] = graph
        return _PartedGraph(graphs)

    def _all_found(
        self, snapshot: Snapshot, analyzers: Sequence[AnalyzerPlugin]
    ) -> tuple[list[Finding], dict[Gap, None]]:
        """All findings, in the order of a whole run."""
        found: list[Finding] = []
        slices = [self._kept.runs[_SLICE, name] for name in snapshot.derived(Groups).namespaces]
        failed = {gap: None for run in slices for gap in run.failed}
        for analyzer in analyzers:
            if _is_sliced(analyzer):
                found += (finding for run in slices for finding in run.found.get(analyzer.id, ()))
            else:
                run = self._run_wide(snapshot, analyzer)
                found += run.found[analyzer.id]
                failed |= dict.fromkeys(run.failed)
        return found, failed

    def _run_wide(self, snapshot: Snapshot, analyzer: AnalyzerPlugin) -> _Run:
        key = (_WIDE, analyzer.id)
        if analyzer.source:  # one's own may look at a picture in any way
            results, failed = analyze(snapshot, (analyzer,))
            return _Run({analyzer.id: results}, failed, frozenset())
        if key not in self._kept.runs:
            view = view_of(snapshot, None)
            results, failed = analyze(view, (analyzer,))
            self._kept.put(key, _Run({analyzer.id: results}, failed, frozenset(view.notes)))
            self.counts.analyzers += 1
        return self._kept.runs[key]


def _run_slice(snapshot: Snapshot, namespace: str, analyzers: Sequence[AnalyzerPlugin]) -> _Run:
    view = view_of(snapshot, namespace)
    found: dict[str, Sequence[Finding]] = {}
    failed: list[Gap] = []
    for analyzer in analyzers:
        results, gaps = analyze(view, (analyzer,))
        failed += gaps
        if results:
            found[analyzer.id] = results
    graph = Graph.of(view).complete()
    return _Run(found, failed, frozenset(view.notes), graph)


def _is_sliced(analyzer: AnalyzerPlugin) -> bool:
    return analyzer.id in SLICED and not analyzer.source


def _frame(snapshot: Snapshot) -> Hashable:
    """What everything rests on: what was read, and which objects there are that belong to no namespace."""
    wide = frozenset(key for items in snapshot.objects.values() for key in _wide_keys(items))
    kinds = frozenset(snapshot.objects)
    unread = frozenset((gap.kind, gap.namespace) for gap in snapshot.gaps if gap.kind)
    return (snapshot.cluster, snapshot.namespace, snapshot.neighbours, unread, kinds, wide)


def _wide_keys(items: Sequence[Resource]) -> Iterable[tuple[str, str]]:
    return ((item.kind, item.name) for item in items) if items and not items[0].namespace else ()


class _PartedGraph(Graph):
    """The graphs of all namespaces as one."""

    def __init__(self, parts: Mapping[str, Graph]) -> None:
        super().__init__(None)
        self._parts = parts

    def edges_from(self, ref: ResourceRef, relations: frozenset[Relation] | None = None) -> tuple[Edge, ...]:
        """The edges that leave `ref`, perhaps only those of some relations."""
        if ref.namespace:
            part = self._parts.get(ref.namespace)
            return part.edges_from(ref, relations) if part is not None else ()
        edges: dict[ResourceRef, Edge] = {}
        for part in self._parts.values():
            for edge in part.edges_from(ref, relations):
                edges.setdefault(edge.target, edge)
        return tuple(edges.values())
