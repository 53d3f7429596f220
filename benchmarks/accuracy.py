"""How often Quick Dx is right: top-1 and top-3 by object and reason, false alarms, and what a confidence is worth.

    python benchmarks/accuracy.py                     # all sources, every view
    python benchmarks/accuracy.py --source recorded --view all --misses
    python benchmarks/accuracy.py --json

Every case (see cases.py) is diagnosed with all that can be seen, and again without logs, without events and with
few rights. A hypothesis is right if it names an object and a reason that are true of its case; with less to see
the reason that only a log tells cannot be found, and confidence has to say so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests/, whose pictures of clusters are cases

from benchmarks.cases import VIEWS, Case, load_cases
from kubeagentix.domain.diagnosis import Severity, Target
from kubeagentix.quickdx.pipeline import diagnose_snapshot

SOURCES = ("demo", "pictures", "recorded")
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was said of one case in one view: (confidence, is it right) per hypothesis, and where the facts stand.

    `ranks` has the place (from 0) at which each fact is told, or None. `alarms` counts findings of warning and above.
    """

    case: Case
    view: str
    told: tuple[tuple[float, bool], ...]
    ranks: tuple[int | None, ...]
    alarms: int
    first: str

    @property
    def is_first_right(self) -> bool:
        return bool(self.told) and self.told[0][1]

    @property
    def is_among_three(self) -> bool:
        return any(is_right for _, is_right in self.told[:3])


def judge(case: Case, view: str) -> Result:
    """Diagnoses a case and compares with its facts."""
    target = Target(namespace=case.namespace)
    diagnosis = diagnose_snapshot(VIEWS[view](case.snapshot), target)
    told = [(item, diagnosis.finding(item.findings[0]).reason) for item in diagnosis.hypotheses]
    ranks = tuple(
        next(
            (
                place
                for place, (item, reason) in enumerate(told)
                if fact.is_told_by(item.root, reason, f"{item.title} {item.summary}")
            ),
            None,
        )
        for fact in case.facts
    )
    right = {place for place in ranks if place is not None}
    return Result(
        case=case,
        view=view,
        told=tuple((item.confidence, place in right) for place, (item, _) in enumerate(told)),
        ranks=ranks,
        alarms=sum(item.severity is not Severity.INFO for item in diagnosis.findings),
        first=f"{told[0][0].root} {told[0][1]}" if told else "nothing",
    )


def by_family(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Top-1 and top-3 per family of broken cases, then of all of them."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.case.facts:
            groups[result.case.family].append(result)
            groups["all"].append(result)
    rows = []
    for family in sorted(groups, key=lambda name: (name == "all", name)):
        group = groups[family]
        rows.append(
            {
                "family": family,
                "cases": len(group),
                "top_1": sum(result.is_first_right for result in group) / len(group),
                "top_3": sum(result.is_among_three for result in group) / len(group),
                "facts_told": _share([place is not None for result in group for place in result.ranks]),
                "invented": sum(not is_right for result in group for _, is_right in result.told),
            }
        )
    return rows


def calibration(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Per range of confidence: how many hypotheses, their mean confidence, and the share that was right."""
    pairs = [pair for result in results for pair in result.told]
    rows = []
    for low, high in pairwise(BINS):
        inside = [pair for pair in pairs if low <= pair[0] < high or (high == 1.0 and pair[0] == 1.0)]
        if inside:
            mean = sum(confidence for confidence, _ in inside) / len(inside)
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "hypotheses": len(inside),
                    "mean_confidence": mean,
                    "right": _share([is_right for _, is_right in inside]),
                }
            )
    return rows


def expected_error(rows: Sequence[dict[str, Any]]) -> float:
    """The mean distance between confidence and the share that was right, weighted by hypotheses."""
    total = float(sum(row["hypotheses"] for row in rows))
    distances = (float(row["hypotheses"] * abs(row["mean_confidence"] - row["right"])) for row in rows)
    return sum(distances) / max(1.0, total)


def false_alarms(results: Iterable[Result]) -> dict[str, int]:
    """Of the healthy cases: how many there are, how many have a finding of warning or above, and how many findings."""
    healthy = [result for result in results if not result.case.facts]
    return {
        "healthy": len(healthy),
        "alarmed": sum(result.alarms > 0 for result in healthy),
        "findings": sum(result.alarms for result in healthy),
    }


def _share(items: Sequence[bool]) -> float:
    return sum(items) / len(items) if items else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", action="append", choices=SOURCES, help="default: all")
    parser.add_argument("--view", action="append", choices=tuple(VIEWS), help="default: all")
    parser.add_argument("--misses", action="store_true", help="list the cases whose first hypothesis is not right")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    views = options.view or tuple(VIEWS)
    cases = [case for source in options.source or SOURCES for case in load_cases(source)]
    results = {view: [judge(case, view) for case in cases] for view in views}
    together = [result for group in results.values() for result in group]
    report = {
        "families": {view: by_family(group) for view, group in results.items()},
        "false_alarms": {view: false_alarms(group) for view, group in results.items()},
        "calibration": {
            **{view: calibration(group) for view, group in results.items()},
            "together": calibration(together),
        },
    }
    if options.json:
        print(json.dumps(report))
        return
    _print(report, together if options.misses else [])


def _print(report: dict[str, Any], listed: Sequence[Result]) -> None:
    for view, rows in report["families"].items():
        print(f"\nWith {view}: broken cases" if view != "all" else "\nWith all that can be seen: broken cases")
        print(f"  {'family':16} {'cases':>6} {'top-1':>7} {'top-3':>7} {'facts told':>11} {'invented':>9}")
        for row in rows:
            shares = f"{row['top_1']:7.1%} {row['top_3']:7.1%} {row['facts_told']:11.1%}"
            print(f"  {row['family']:16} {row['cases']:6} {shares} {row['invented']:9}")
        alarms = report["false_alarms"][view]
        print(f"  healthy cases: {alarms['healthy']}, with a finding of warning or above: {alarms['alarmed']}")
    for view, rows in report["calibration"].items():
        print(f"\nConfidence, {view}: expected error {expected_error(rows):.3f}")
        print(f"  {'range':12} {'hypotheses':>10} {'confidence':>11} {'right':>7}")
        for row in rows:
            span = f"{row['from']:.2f}-{row['to']:.2f}"
            print(f"  {span:12} {row['hypotheses']:10} {row['mean_confidence']:11.2f} {row['right']:7.1%}")
    for result in listed:
        if (result.case.facts and not result.is_first_right) or (not result.case.facts and result.told):
            wanted = "; ".join(f"{' | '.join(fact.roots)} {' | '.join(fact.reasons)}" for fact in result.case.facts)
            print(f"\n{result.case.id} ({result.view})\n  told:   {result.first}\n  wanted: {wanted or 'nothing'}")


if __name__ == "__main__":
    main()
