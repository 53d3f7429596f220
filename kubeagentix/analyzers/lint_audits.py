"""What admission policies that only look on have found: Kyverno's, by the events that it writes about each object.

Its reports say the same at greater length; they are many and large, and are not read for it.
Source: kyverno/pkg/event/events.go, NewResourceViolationEvent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "lint-audits"
_VIOLATION = re.compile(r"policy (?P<policy>\S+)/(?P<rule>\S+) fail: (?P<why>.*)", re.DOTALL)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload that breaks policies, each rule named once."""
    broken: dict[ResourceRef, dict[str, Remark]] = defaultdict(dict)
    for event in snapshot.all(Event):
        match = _VIOLATION.match(event.message) if event.reason == "PolicyViolation" else None
        about = event.involved_object
        found = snapshot.find(snapshot.named(about.kind, about.namespace, about.name)) if match is not None else None
        if match is not None and found is not None:
            rule = f"{match['policy']}/{match['rule']}"
            remark = Remark(seen=f"{rule}: {excerpt(match['why'].strip(), 200)}", locator="event/PolicyViolation")
            broken[snapshot.workload_of(found)].setdefault(rule, remark)
    for workload, rules in broken.items():
        count = f"{len(rules)} rules" if len(rules) > 1 else "a rule"
        yield advice(
            ID,
            "PolicyViolation",
            workload,
            title=f"it breaks {count} of admission policies",
            why="They only look on; once they are enforced, its next pod is refused.",
            remarks=rules.values(),
        )


plugin = AnalyzerPlugin(id=ID, title="Advice of admission policies that look on", analyze=analyze, is_lint=True)
