"""What one might ask next, after an answer: made from what the analyzers found, without asking anybody."""

from __future__ import annotations

from kubeagentix.domain.diagnosis import Diagnosis, Hypothesis
from kubeagentix.report.text import clean_line

MOST = 3
OTHERS = 2  # root causes that are offered by name


def suggestions(answer: str, diagnosis: Diagnosis | None) -> list[str]:
    """Up to three questions: how to mend it, what else it breaks, and other root causes that were not mentioned."""
    if diagnosis is None or not diagnosis.hypotheses:
        return []
    first = _best_mentioned(answer, diagnosis.hypotheses)
    found = [] if "kubectl " in answer else ["How do I fix it, step by step?"]
    if len(first.findings) > 1:
        found.append(f"What else is broken because of {_name(first)}?")
    others = [item for item in diagnosis.hypotheses if item is not first and item.root.name not in answer]
    found += [clean_line(f"What is wrong with {_name(item)}?", 120) for item in others[:OTHERS]]
    return [*found, "How would I notice this earlier next time?"][:MOST]


def _best_mentioned(answer: str, hypotheses: tuple[Hypothesis, ...]) -> Hypothesis:
    return next((item for item in hypotheses if item.root.name in answer), hypotheses[0])


def _name(hypothesis: Hypothesis) -> str:
    root = hypothesis.root
    return clean_line(f"{root.kind.lower()} {root.name}", 100)
