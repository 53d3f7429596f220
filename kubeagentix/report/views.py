"""A model's view in words, to stand beside the analyzers': who says it, its claims and what they rest on."""

from __future__ import annotations

from kubeagentix.domain.answers import Claim
from kubeagentix.domain.diagnosis import Diagnosis

MAX_CLAIMS = 5


def speaker(diagnosis: Diagnosis) -> str:
    """Who says it: `claude / claude-sonnet-5-5`."""
    return " / ".join(filter(None, (diagnosis.provider, diagnosis.model)))


def claim_line(claim: Claim) -> str:
    """A claim with its confidence and the evidence that it cites, or that it cites none."""
    share = f" ({claim.confidence:.0%})" if claim.confidence is not None else ""
    cited = f" [{', '.join(claim.evidence)}]" if claim.is_supported else " [unsupported: cites no evidence]"
    return f"{claim.title}{share}{': ' + claim.summary if claim.summary else ''}{cited}"


def view_rows(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """(label, text) of each thing a model says; empty if none was asked or none answered."""
    answer = diagnosis.answer
    if answer is None:
        return []
    rows = [("root cause", answer.root_cause)] if answer.root_cause else []
    rows += [("claim", claim_line(claim)) for claim in answer.hypotheses[:MAX_CLAIMS]]
    rows += [("disagrees", text) for text in answer.disagreements]
    rows += [("do", text) for text in answer.remedies]
    return rows
