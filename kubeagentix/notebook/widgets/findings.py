"""The table of a diagnosis: root causes on top, every finding a row below, and for one row all that it rests on.

The rows go to the browser in one message, which sorts and filters them there; what a row rests on goes when it is
opened. All of it is text that others wrote, so none of it is HTML.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis
from kubeagentix.notebook.docking import DockedView
from kubeagentix.notebook.view import Intent, source
from kubeagentix.report import words
from kubeagentix.report.chain import chain_of, findings_of
from kubeagentix.report.outline import GUILTY_MARK
from kubeagentix.report.text import clean_block, clean_line

MAX_TREE = 12  # findings above or below one, as in a cause chain of the report
MAX_CAUSE_CHARS = 240  # of what a row can be found by
LAST_LINES = "the last lines of its log"  # of a log that tells of no error

Row = list[Any]


class FindingsView(DockedView):
    """The widget. Intents: `stop`, `docks`, `stays`, `choose`; `open`, `explain` … with a finding's `id`."""

    _esm = source("kit.js", "dock.js", "findings_detail.js", "findings_rows.js", "findings.js")
    _css = source("kit.css", "findings.css")

    def __init__(self, on_intent: Intent) -> None:
        super().__init__(on_intent, phase="collecting", stages=[])

    @property
    def docks(self) -> bool:
        """Whether a browser says that it covers the report, so that an output can hold the report alone."""
        return self._has_docked

    def _settle(self) -> None:
        super()._settle()
        self._intent("docks", {})

    def _unsettle(self) -> None:
        self._has_docked = False
        super()._unsettle()
        self._intent("stays", {})


def rows(diagnosis: Diagnosis, new: Set[str] = frozenset(), gone: Sequence[Finding] = ()) -> list[Row]:
    """A row per finding, worst first; then those that are gone.

    id, severity from 2 to 0, namespace, kind, name, reason, title, cause, rank of its root cause (0: none), age in
    seconds (-1: unknown), and `new`, `gone` or nothing.
    """
    ranks: dict[str, int] = {}
    for rank, hypothesis in enumerate(diagnosis.hypotheses, start=1):
        for key in hypothesis.findings:
            ranks.setdefault(key, rank)
    now = diagnosis.finished_at
    made = [_row(item, now, ranks.get(item.id, 0), "new" if item.id in new else "") for item in diagnosis.findings]
    return made + [_row(item, now, 0, "gone") for item in gone]


def partial_rows(findings: Sequence[Finding]) -> list[Row]:
    """As `rows`, of findings whose root causes are not known yet."""
    now = datetime.now(UTC)
    return [_row(item, now, 0, "") for item in findings]


def _row(finding: Finding, now: datetime, rank: int, mark: str) -> Row:
    ref = finding.ref
    age = int((now - finding.since).total_seconds()) if finding.since is not None else -1
    return [
        finding.id,
        finding.severity.rank,
        clean_line(ref.namespace, 100),
        clean_line(ref.kind, 100),
        clean_line(ref.name, 260),
        clean_line(finding.reason, 120),
        clean_line(finding.title, 300),
        clean_line(finding.cause, MAX_CAUSE_CHARS),
        rank,
        age,
        mark,
    ]


def hypotheses(diagnosis: Diagnosis, new: Set[str] = frozenset()) -> list[dict[str, Any]]:
    """The root causes, best first, as many as a report tells in full."""
    best = diagnosis.hypotheses[: words.MAX_HYPOTHESES]
    return [_hypothesis(diagnosis, item, rank, is_new=item.id in new) for rank, item in enumerate(best, start=1)]


def _hypothesis(diagnosis: Diagnosis, hypothesis: Hypothesis, rank: int, *, is_new: bool) -> dict[str, Any]:
    findings = findings_of(diagnosis, hypothesis)
    ids = {(item.ref, item.reason): item.id for item in reversed(findings)}
    chain = chain_of(diagnosis, hypothesis)
    return {
        "id": hypothesis.id,
        "rank": rank,
        "title": clean_line(hypothesis.title, 300),
        "summary": clean_line(hypothesis.summary, 1200) if hypothesis.summary != hypothesis.title else "",
        "severity": words.severity_of(findings).rank,
        "percent": round(min(max(hypothesis.confidence, 0.0), 1.0) * 100),
        "root": clean_line(str(hypothesis.root), 300),
        "chain": [
            _step(depth, node.severity.rank, words.named(node), ids.get((node.ref, node.reason), ""))
            for node, depth in chain.walk()
        ],
        "hidden": chain.hidden,
        "terms": [[f"{term.value:+.2f}", clean_line(term.label, 160)] for term in hypothesis.breakdown],
        "is_new": is_new,
    }


def _step(depth: int, severity: int, text: str, finding_id: str) -> dict[str, Any]:
    return {"depth": depth, "severity": severity, "text": text, "finding": finding_id}


def detail(findings: Sequence[Finding], finding: Finding, *, is_gone: bool = False) -> dict[str, Any]:
    """What one of `findings` rests on, what caused it and leads to, and what to do: the part of an opened row."""
    known = {item.id: item for item in findings}
    effects: dict[str, list[str]] = defaultdict(list)
    for item in findings:
        for cause in item.caused_by:
            effects[cause].append(item.id)
    return {
        "id": f"detail-{finding.id}",
        "finding": finding.id,
        "severity": finding.severity.rank,
        "title": clean_line(finding.title, 300),
        "object": clean_line(str(finding.ref), 300),
        "reason": clean_line(finding.reason, 120),
        "analyzer": clean_line(finding.analyzer, 100),
        "confidence": words.percent(finding.confidence),
        "cause": clean_line(finding.cause, 1200),
        "since": _time(finding.since),
        "evidence": [_evidence(piece) for piece in finding.evidence],
        "causes": list(_tree(finding.id, lambda key: known[key].caused_by if key in known else (), known)),
        "effects": list(_tree(finding.id, lambda key: effects.get(key, ()), known)),
        "remedies": [
            {
                "title": clean_line(remedy.title, 300),
                "command": clean_block(remedy.command),
                "effect": remedy.effect,
                "why": clean_line(remedy.why, 600),
            }
            for remedy in finding.remedies
        ],
        "is_gone": is_gone,
    }


def _tree(
    root: str, following: Callable[[str], Iterable[str]], known: Mapping[str, Finding]
) -> Iterator[dict[str, Any]]:
    """What follows from `root` one way, each finding once, in the order of an indented list; not `root` itself."""
    seen = {root}
    stack = [(key, 0) for key in reversed([*following(root)])]
    while stack and len(seen) <= MAX_TREE:
        key, depth = stack.pop()
        if key in seen or key not in known:
            continue
        seen.add(key)
        yield _step(depth, known[key].severity.rank, words.named(known[key]), key)
        stack += [(other, depth + 1) for other in reversed([*following(key)])]


def evidence_part(piece: Evidence) -> dict[str, Any]:
    """A piece of evidence as a part, which is opened where it is cited."""
    return {**_evidence(piece), "id": piece.id}


def _evidence(piece: Evidence) -> dict[str, Any]:
    excerpt = clean_block(piece.excerpt)
    says_more = bool(excerpt) and clean_line(piece.excerpt) not in clean_line(piece.summary)
    lines = excerpt.split("\n") if excerpt and (says_more or piece.source == "log") else []
    guilty = _guilty(lines, piece.summary) if piece.source == "log" else []
    is_marked = any(line.startswith(GUILTY_MARK) for line in lines)
    return {
        "summary": clean_line(piece.summary),
        "source": piece.source,
        "object": clean_line(str(piece.ref), 300),
        "locator": clean_line(piece.locator, 200),
        "at": _time(piece.observed_at),
        "lines": [line[len(GUILTY_MARK) :] for line in lines] if is_marked else lines,
        "guilty": guilty,
    }


def _guilty(lines: Sequence[str], summary: str) -> list[int]:
    """Which lines of an excerpt are the error itself: those that bear the mark, else those that the summary quotes."""
    marked = [place for place, line in enumerate(lines) if line.startswith(GUILTY_MARK)]
    if marked:
        return marked
    said = clean_line(summary).rstrip("…")
    if len(lines) == 1 and said != LAST_LINES:
        return [0]
    return [place for place, line in enumerate(lines) if line.strip() and clean_line(line, 160).rstrip("…") in said]


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else ""
