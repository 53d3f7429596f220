"""What a run tells of others' words (errors, notices, progress) is masked before it is recorded.

Results of tools and findings are masked where they are made. What a model says it makes of masked texts.
"""

from __future__ import annotations

from dataclasses import replace

from kubeagentix.domain.events import Notice, RunEvent, RunFailed, RunFinished, StageChanged
from kubeagentix.redaction import Redactor


def masked(event: RunEvent, redactor: Redactor) -> RunEvent:
    """The event with credentials masked in what is not a model's own word."""
    if isinstance(event, Notice | StageChanged | RunFailed):
        return redactor.value(event)
    if isinstance(event, RunFinished) and any(item.message for item in event.attempts):
        return replace(event, attempts=redactor.value(event.attempts))
    return event
