"""Quick Dx after a change: what rests on nothing that has changed is kept, the rest is found anew.

Analyzers that judge each workload or object by itself run on one part of the picture at a time (see `cells`), others on
a namespace or on everything, as each says of itself. Every run notes what it looks at, and is kept until one of its
notes is void, so the answer is that of a whole Quick Dx of the same picture. Time stands still between two ticks: it
would make nearly everything void.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.cluster.projections import gc_paused
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Gap, ResourceRef, Target
from kubeagentix.domain.events import Listener, StageChanged, silent
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.own_analyzers import load_packages
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.carrying import carry, is_carried
from kubeagentix.quickdx.cells import Cells, Part
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.graph import Edge, Graph, Relation
from kubeagentix.quickdx.masking import learn
from kubeagentix.quickdx.noted import Derivations, Note, Noted, view_of
from kubeagentix.quickdx.pipeline import blamed_namespaces, chosen_analyzers, conclude
from kubeagentix.redaction import current

TICK = timedelta(seconds=30)  # what lasts is told by the minute
TELL_EVERY = 50  # parts
FORGET_AFTER = 1000  # more things derived than were needed when that was looked at last
_CLUSTER = ("", "")
_GRAPH = "(graph)"  # no analyzer's id
_Key = tuple[str, Part]  # of a run: the analyzer, where it runs on everything, and the part


@dataclass(slots=True)
class _Run:
    """What came of some analyzers on a part, or of one on everything: by analyzer, where there is any."""

    found: dict[str, Sequence[Finding]] = field(default_factory=dict)
    failed: dict[str, Sequence[Gap]] = field(default_factory=dict)
    notes: dict[str, frozenset[Note]] = field(default_factory=dict)  # also those of the graph

    def take(self, view: Noted, analyzer: AnalyzerPlugin) -> None:
        """Runs it on the view."""
        view.notes.clear()
        results, gaps = analyze(view, (analyzer,))
        self.found.pop(analyzer.id, None)
        self.failed.pop(analyzer.id, None)
        if results:
            self.found[analyzer.id] = results
        if gaps:
            self.failed[analyzer.id] = gaps
        self.note(analyzer.id, view)

    def note(self, name: str, view: Noted) -> None:
        """What was looked at by that one. Most look at the same."""
        notes = frozenset(view.notes)
        self.notes[name] = next((item for item in self.notes.values() if item == notes), notes)

    def void(self, marks: set[Note]) -> set[str]:
        """Those who have looked at anything of that."""
        return {name for name, notes in self.notes.items() if not notes.isdisjoint(marks)}


@dataclass(slots=True)
class RerunCounts:
    """On how much analyzers were run at the latest look: parts below namespaces, namespaces, and (which) everything."""

    parts: int = 0
    namespaces: int = 0
    analyzers: int = 0


class Rerunning:
    """The Diagnosis of one picture after another."""

    def __init__(self, target: Target, *, include_lint: bool, ignore: Sequence[IgnoreRule] | None) -> None:
        self.counts = RerunCounts()
        self.snapshot: Snapshot | None = None  # the one that the latest answer is about
        self._target, self._include_lint, self._ignore = target, include_lint, ignore
        self._unloaded = load_packages()
        self._runs: dict[_Key, _Run] = {}
        self._void: dict[Part, set[str]] = {}  # who is to be run again on a part, where not all are
        self._graph = _PartedGraph()
        self._derived = 0  # how many things were needed when that was looked at last
        self._found: list[Finding] = []

    @gc_paused()
    def diagnose(self, snapshot: Snapshot, changes: Sequence[ObjectChange], listen: Listener = silent) -> Diagnosis:
        """The Diagnosis of `snapshot`, which differs from the one before by `changes`. Raises NotFoundError.

        Where it is broken off by what `listen` raises, it cannot go on: another one has to begin anew.
        """
        started_at, clock = datetime.now(UTC), time.perf_counter()
        before, snapshot = self.snapshot, self._at_its_time(snapshot)
        self._forget(before, snapshot, changes)
        self.snapshot, self.counts = snapshot, RerunCounts()
        chosen = chosen_analyzers(include_lint=self._include_lint)
        self._run_parts(snapshot, chosen, listen)
        self._found, failed = self._all_found(snapshot, chosen, listen)
        self._forget_derived(snapshot)
        analyzed_s = time.perf_counter() - clock
        diagnosis = conclude(
            snapshot,
            self._target,
            self._graph,
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
        if before is None or not is_carried(before, now, changes):
            self._runs, self._void, self._graph, self._derived = {}, {}, _PartedGraph(), 0
            return
        marks, stale = carry(before, now, changes)
        cells = now.derived(Cells)
        known = {part for namespace in cells.namespaces for part in _parts(cells, namespace)} | {_CLUSTER}
        for key, run in tuple(self._runs.items()):
            names = run.void(marks)
            if key[1] in stale or key[1] not in known or (names and key[0]):
                del self._runs[key]
                self._graph.drop(key[1])
            elif names:
                self._void[key[1]] = names

    def _run_parts(self, snapshot: Snapshot, chosen: Sequence[AnalyzerPlugin], listen: Listener) -> None:
        cells = snapshot.derived(Cells)
        parts = [part for namespace in cells.namespaces for part in _parts(cells, namespace)]
        due = [part for part in parts if ("", part) not in self._runs or part in self._void]
        for done, part in enumerate(due):
            if done % TELL_EVERY == 0:
                listen(StageChanged(stage="analyze", done=done, total=len(due)))
            self._run_part(snapshot, part, chosen)
        self._void = {}

    def _run_part(self, snapshot: Snapshot, part: Part, chosen: Sequence[AnalyzerPlugin]) -> None:
        scope = "workload" if part[1] else "namespace"
        is_new = ("", part) not in self._runs
        run = self._runs.setdefault(("", part), _Run())
        names, view = self._void.get(part, ()), view_of(snapshot, part)
        for analyzer in chosen:
            if analyzer.scope == scope and (is_new or analyzer.id in names):
                run.take(view, analyzer)
        if part[1]:
            self.counts.parts += 1
        else:
            self.counts.namespaces += 1
        if part[1] and (is_new or _GRAPH in names):
            view.notes.clear()
            self._graph.drop(part)
            self._graph.put(part, Graph.of(view).complete())
            run.note(_GRAPH, view)

    def _all_found(
        self, snapshot: Snapshot, chosen: Sequence[AnalyzerPlugin], listen: Listener
    ) -> tuple[list[Finding], dict[Gap, None]]:
        """All findings, in the order of a whole run."""
        telling = sorted((key[1], run) for key, run in self._runs.items() if not key[0] and (run.found or run.failed))
        runs = [run for _, run in telling]
        failed = {gap: None for run in runs for gaps in run.failed.values() for gap in gaps}
        found: list[Finding] = []
        for analyzer in chosen:
            if analyzer.scope != "cluster":
                found += (finding for run in runs for finding in run.found.get(analyzer.id, ()))
                continue
            listen(StageChanged(stage="analyze", done=0, total=1, detail=analyzer.title))
            run = self._run_on_all(snapshot, analyzer)
            found += run.found.get(analyzer.id, ())
            failed |= dict.fromkeys(run.failed.get(analyzer.id, ()))
        return found, failed

    def _run_on_all(self, snapshot: Snapshot, analyzer: AnalyzerPlugin) -> _Run:
        if analyzer.source:  # one's own may look at a picture in any way
            results, failed = analyze(snapshot, (analyzer,))
            return _Run({analyzer.id: results}, {analyzer.id: failed})
        key = (analyzer.id, _CLUSTER)
        if key not in self._runs:
            self._runs[key] = _Run()
            self._runs[key].take(view_of(snapshot, None), analyzer)
            self.counts.analyzers += 1
        return self._runs[key]

    def _forget_derived(self, snapshot: Snapshot) -> None:
        """What was derived for runs that are gone is not kept for ever."""
        held: Derivations = snapshot.__dict__["_derivations"]
        if len(held) > self._derived + FORGET_AFTER:
            held.keep({note for run in self._runs.values() for notes in run.notes.values() for note in notes})
            self._derived = len(held)


def _parts(cells: Cells, namespace: str) -> Iterator[Part]:
    yield namespace, ""
    yield from ((namespace, place) for place in cells.places(namespace))


class _PartedGraph(Graph):
    """The graphs of all parts as one."""

    def __init__(self) -> None:
        super().__init__(None)
        self._of: dict[Part, tuple[ResourceRef, ...]] = {}
        self._held: defaultdict[ResourceRef, dict[Part, tuple[Edge, ...]]] = defaultdict(dict)

    def put(self, part: Part, graph: Graph) -> None:
        """The edges of a part, which is not held."""
        edges = graph.edges
        if edges:
            self._of[part] = tuple(edges)
        for ref, leaving in edges.items():
            self._held[ref][part] = leaving

    def drop(self, part: Part) -> None:
        """Forgets the edges of a part."""
        for ref in self._of.pop(part, ()):
            del self._held[ref][part]
            if not self._held[ref]:
                del self._held[ref]

    def edges_from(self, ref: ResourceRef, relations: frozenset[Relation] | None = None) -> tuple[Edge, ...]:
        """The edges that leave `ref`, perhaps only those of some relations."""
        edges: dict[ResourceRef, Edge] = {}
        for _, leaving in sorted(self._held.get(ref, _NONE).items()):
            for edge in leaving:
                if relations is None or edge.relation in relations:
                    edges.setdefault(edge.target, edge)
        return tuple(edges.values())


_NONE: Mapping[Part, tuple[Edge, ...]] = {}
