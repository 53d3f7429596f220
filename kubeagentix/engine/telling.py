"""A structured answer as a person would write it down."""

from __future__ import annotations

from kubeagentix.domain.answers import Answer


def in_words(answer: Answer) -> str:
    """A structured answer as a person would write it down, in Markdown."""
    lines = [f"**Root cause:** {answer.root_cause}"] if answer.root_cause else []
    for claim in answer.hypotheses:
        share = f" ({claim.confidence:.0%})" if claim.confidence is not None else ""
        cited = f" [{', '.join(claim.evidence)}]" if claim.evidence else " [unsupported: no evidence]"
        text = f": {claim.summary}" if claim.summary else ""
        lines.append(f"- {claim.title}{share}{text}{cited}")
    lines += [f"- do: {remedy}" for remedy in answer.remedies]
    return "\n".join(lines)
