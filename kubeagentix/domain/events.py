"""What a run reports while it works: a union whose members carry a literal `kind`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["connect", "collect", "logs", "analyze", "correlate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged:
    """Work moved on: `done` of `total` steps of a stage; `detail` names what was just done."""

    stage: Stage
    done: int
    total: int
    detail: str = ""
    kind: Literal["stage_changed"] = "stage_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should know that stopped nothing, such as a fallback."""

    code: str
    message: str
    kind: Literal["notice"] = "notice"


RunEvent = StageChanged | Notice
Listener = Callable[[RunEvent], None]


def silent(_: RunEvent) -> None:
    """The listener that listens to nothing."""
