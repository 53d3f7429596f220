"""What a run reports while it works: two unions, whose members carry a literal `kind`.

A ModelEvent is of one call to a model; a RunEvent is of a run, in which there may be many. A run ends with exactly one
terminal event (RunFinished or RunFailed), and it is the last. Consumers that tell events apart end with assert_never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kubeagentix.domain.answers import Answer, Attempt
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.diagnosis import Finding, Target
from kubeagentix.domain.messages import Message, ToolCall, ToolResult, Usage

Stage = Literal["connect", "collect", "logs", "analyze", "correlate", "ask"]
StopReason = Literal["stop", "tool_calls", "max_tokens", "refused"]
Ending = Literal["stop", "max_turns", "max_tool_calls", "max_tokens", "deadline", "no_progress", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged:
    """Work moved on: `done` of `total` steps of a stage; `detail` names what was just done.

    `items` is how many objects of the kind in `detail` have been read so far.
    """

    stage: Stage
    done: int
    total: int
    detail: str = ""
    items: int = 0
    kind: Literal["stage_changed"] = "stage_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should know that stopped nothing, such as a fallback."""

    code: str
    message: str
    kind: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A piece of what the model says."""

    text: str
    kind: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingDelta:
    """A piece of what the model thinks aloud."""

    text: str
    kind: Literal["thinking_delta"] = "thinking_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallReady:
    """A tool call is complete, with all of its arguments."""

    call: ToolCall
    kind: Literal["tool_call_ready"] = "tool_call_ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReported:
    """What this model call has used so far, in all (not since the last report)."""

    usage: Usage
    kind: Literal["usage_reported"] = "usage_reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFinished:
    """The model's turn is over. `message` is all of it, to be sent back as it is; `model` is what the API says ran."""

    stop_reason: StopReason
    message: Message
    model: str = ""
    kind: Literal["model_finished"] = "model_finished"


ModelEvent = TextDelta | ThinkingDelta | ToolCallReady | UsageReported | ModelFinished | Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run begins, with the provider that is tried first."""

    provider: str
    model: str
    credential_source: str
    tools: tuple[str, ...]
    target: Target | None = None
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallFinished:
    """A tool has answered, or failed, or was not allowed to run (`result.is_error`)."""

    call: ToolCall
    result: ToolResult
    kind: Literal["tool_call_finished"] = "tool_call_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolApprovalRequested:
    """A call that changes the cluster waits for somebody's word; `Run.answer` takes it, by the id of the request."""

    request: ApprovalRequest
    kind: Literal["tool_approval_requested"] = "tool_approval_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolApprovalAnswered:
    """Somebody has given the word, or nobody has in time; `answer.by` is empty where nobody was asked."""

    request_id: str
    call_id: str
    answer: ApprovalAnswer
    kind: Literal["tool_approval_answered"] = "tool_approval_answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingReported:
    """An analyzer's finding that the run works from."""

    finding: Finding
    kind: Literal["finding_reported"] = "finding_reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as a value: what happened, and what to do next. Holds no secret.

    `family` is the code of the error's class, which `code` may refine; empty for an error that is not ours.
    """

    code: str
    message: str
    hint: str = ""
    is_retryable: bool = False
    provider: str = ""
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The run is over, with an answer if `reason` is `stop`; what ran, and what it used.

    `model` is what the API said ran, `attempt` the label of the try that succeeded. `usage.cost_usd` is None where
    the price is unknown.
    """

    reason: Ending
    provider: str
    model: str
    attempt: str
    credential_source: str
    usage: Usage
    elapsed_s: float
    tool_calls: int
    turns: int
    text: str = ""
    answer: Answer | None = None
    attempts: tuple[Attempt, ...] = ()
    kind: Literal["run_finished"] = "run_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    """The run is over without an answer."""

    error: Failure
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = field(default_factory=Usage)
    elapsed_s: float = 0.0
    kind: Literal["run_failed"] = "run_failed"


RunEvent = (
    RunStarted
    | TextDelta
    | ThinkingDelta
    | ToolCallReady
    | ToolApprovalRequested
    | ToolApprovalAnswered
    | ToolCallFinished
    | FindingReported
    | StageChanged
    | Notice
    | RunFinished
    | RunFailed
)
TERMINAL = (RunFinished, RunFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One event of one run, numbered from 0 without holes."""

    run_id: str
    seq: int
    at: datetime
    event: RunEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialFindings:
    """What is sure while the rest is still being read, the worst first; each event replaces the one before.

    `more` findings are left to the answer, as are causes that only what is not read yet can tell, and logs.
    """

    findings: tuple[Finding, ...]
    more: int = 0
    kind: Literal["partial_findings"] = "partial_findings"


ProgressEvent = StageChanged | Notice | PartialFindings
Listener = Callable[[ProgressEvent], None]


def silent(_: ProgressEvent) -> None:
    """The listener that listens to nothing."""
