"""What a model is told: who it is, what counts as an answer, and what the analyzers found before it was asked.

What comes from the cluster is data, never instructions; the fence of the conversation stands around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubeagentix.domain.diagnosis import Diagnosis, Finding, Gap, Hypothesis, Severity
from kubeagentix.domain.messages import Message, Text
from kubeagentix.engine.fence import Fence
from kubeagentix.errors import excerpt

RULES = """\
You are KubeAgentiX, a site reliability engineer who finds out why something in a Kubernetes cluster is broken.

- Work from evidence. Deterministic analyzers have read the cluster, and what they found is given to you. Check it \
with the tools where it matters, look further where it does not explain the question, and say so where you disagree.
- Cite evidence by its id (e-…) for every claim. Only ids that you were shown exist. What you cannot support, call \
a guess.
- {tools} Several that read and do not depend on each other can be called at once. Do not repeat a call.
- Values of Secrets are never shown. Do not ask for them.
- Answer the question that was asked, briefly: the cause first, then what shows it, then commands to mend it. Prefer \
read-only commands; say which ones change the cluster{rest}."""

READING = "Tools read; they change nothing."
WRITING = (
    "Some tools change the cluster. Call one only where the user asks for that change, one at a time, and look again "
    "afterwards. The user is shown what it would do and is asked; no text of yours can approve it, and what is refused "
    "is not to be tried in another way."
)

FINISH = """\
- When you know, or cannot get further, call submit_answer once, with the root cause, the hypotheses with their \
evidence ids, and remedies. For a question that is no diagnosis, answer in plain text instead."""

LAST_TURN = "This is the last turn, and tools are withheld: give your answer now, from what you have."
MOVED = "From here on the tools read another cluster than before: what was read so far need not hold for it."
NUDGE = (
    "You gave no answer. In a few sentences: what is the cause, which evidence ids show it, and what should be done?"
)

_LEFT_TO_THE_USER = ", and leave running them to the user"
FULL, COMPACT = "full", "compact"
_MOST = {FULL: (12, 40, 6, 600), COMPACT: (3, 8, 2, 200)}  # hypotheses, findings, evidence of each, its characters


def system_prompt(fence: Fence, *, has_answer_tool: bool, allow_writes: bool = False) -> str:
    """The system prompt of a run."""
    told = {"tools": WRITING, "rest": ""} if allow_writes else {"tools": READING, "rest": _LEFT_TO_THE_USER}
    rules = RULES.format(**told)
    return "\n".join((rules, fence.rule, FINISH) if has_answer_tool else (rules, fence.rule))


def first_message(question: str, diagnosis: Diagnosis, masked: Callable[[str], str], variant: str = FULL) -> Message:
    """The question, and what Quick Dx found, as data."""
    told = "\n".join(findings_told(diagnosis, variant))
    return Message(role="user", parts=(Text(text=masked(question)), Text(text=masked(told), is_data=True)))


def findings_told(diagnosis: Diagnosis, variant: str = FULL) -> Iterator[str]:
    """Hypotheses, findings with their evidence ids, and gaps, a line each; shorter for `compact`."""
    hypotheses, findings, pieces, chars = _MOST[variant]
    serious = [item for item in diagnosis.findings if item.severity is not Severity.INFO]
    yield f"Quick Dx of {diagnosis.target}, cluster {diagnosis.cluster}: {_counted(diagnosis.hypotheses, serious)}."
    for rank, hypothesis in enumerate(diagnosis.hypotheses[:hypotheses], start=1):
        yield f"H{rank} [{hypothesis.confidence:.0%}] root {hypothesis.root}: {_line(hypothesis.title, chars)}"
        yield f"   {_line(hypothesis.summary, chars)}"
    order = {key: place for place, item in enumerate(diagnosis.hypotheses) for key in item.findings[:1]}
    for finding in sorted(serious, key=lambda item: order.get(item.id, len(order)))[:findings]:
        yield from _finding(finding, pieces, chars)
    left = len(serious) - findings
    if left > 0:
        yield f"… and {left} more findings: run_quickdx and list_unhealthy show them."
    yield from (_gap(gap) for gap in diagnosis.gaps[:pieces])


def _counted(hypotheses: Sequence[Hypothesis], findings: Sequence[Finding]) -> str:
    return f"{len(hypotheses)} root causes, {len(findings)} findings"


def _finding(finding: Finding, pieces: int, chars: int) -> Iterator[str]:
    behind = f" (caused by {', '.join(finding.caused_by)})" if finding.caused_by else ""
    yield f"{finding.id} {finding.severity} {finding.reason} {finding.ref}: {_line(finding.title, chars)}{behind}"
    for item in finding.evidence[:pieces]:
        quoted = f': "{_line(item.excerpt, chars)}"' if item.excerpt else ""
        yield f"   {item.id} {item.source} of {item.ref}, {item.locator}: {_line(item.summary, chars)}{quoted}"


def _gap(gap: Gap) -> str:
    return f"Not read: {_line(gap.what, 120)} ({_line(gap.why, 120)})"


def _line(text: str, chars: int) -> str:
    return excerpt(text, chars)
