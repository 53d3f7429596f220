"""What a run is to do, what it begins with, and who is asked in one attempt of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubeagentix.contracts import Provider
from kubeagentix.domain.changes import Approver
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Target
from kubeagentix.domain.messages import Message
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.fence import Fence
from kubeagentix.engine.selection import Candidate
from kubeagentix.engine.tool_runner import ToolRunner
from kubeagentix.redaction import Redactor

if TYPE_CHECKING:
    from kubeagentix.engine.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a run begins with: the first messages per variant (`full`, then shorter ones), and what may be cited."""

    firsts: Mapping[str, tuple[Message, ...]]
    evidence: Mapping[str, Evidence]
    diagnosis: Diagnosis | None = None


Prepare = Callable[["Run"], Awaitable[Prepared]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to do. `prepare` collects what the model is told first, and may report what it finds.

    `approve` asks a person about changes. `wants_answer`: the answer has to be a call of `submit_answer`, so the last
    turn demands one.
    """

    prepare: Prepare
    system: str
    options: RunOptions
    candidates: Sequence[Candidate]
    build: Callable[[Candidate], Provider]
    make_runner: Callable[[Run, Candidate], ToolRunner]
    tools: tuple[str, ...]
    fence: Fence
    approve: Approver
    target: Target | None = None
    wants_answer: bool = False
    redactor: Redactor = field(default_factory=Redactor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is asked in this attempt, and what runs its tools."""

    candidate: Candidate
    provider: Provider
    runner: ToolRunner
