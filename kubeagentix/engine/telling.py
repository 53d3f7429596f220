"""A structured answer as a person would write it down."""

from __future__ import annotations

from kubeagentix.domain.answers import Answer
from kubeagentix.report.views import claim_line


def in_words(answer: Answer) -> str:
    """A structured answer as a person would write it down, in Markdown."""
    lines = [f"**Root cause:** {answer.root_cause}"] if answer.root_cause else []
    lines += [f"- {claim_line(claim)}" for claim in answer.hypotheses]
    lines += [f"- do: {remedy}" for remedy in answer.remedies]
    return "\n".join(lines)
