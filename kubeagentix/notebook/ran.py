"""The line of what ran, after a run in a notebook: provider, model and attempt; after a fallback, every attempt."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from kubeagentix.domain.events import RunFailed, RunFinished
from kubeagentix.notebook.choice import chosen
from kubeagentix.notebook.showing import Display
from kubeagentix.report.text import NO_FORMULAS, clean_line

if TYPE_CHECKING:
    from kubeagentix.domain.answers import Attempt
    from kubeagentix.domain.diagnosis import Diagnosis

MAX_CHARS = 300  # of one attempt


def is_wanted() -> bool:
    """Whether it is to be shown: by `%config KubeAgentix.show_provider_debug`, else KUBEAGENTIX_SHOW_PROVIDER_DEBUG."""
    return chosen().show_provider_debug


def lines(outcome: Diagnosis | RunFinished | RunFailed) -> list[str]:
    """One line per attempt, in order: `provider / model / attempt`, as whom, and how it ended."""
    return [line(attempt) for attempt in outcome.attempts] or ["rules: the analyzers alone"]


def bundle(outcome: Diagnosis | RunFinished | RunFailed) -> Mapping[str, str]:
    """The same as text and as HTML, to be displayed."""
    found = lines(outcome)
    text = "ran: " + "\n     ".join(found)
    items = "<br>".join(map(escape, found))
    return {"text/plain": text, "text/html": f'<small class="{NO_FORMULAS}">ran: {items}</small>'}


def show(outcome: Diagnosis | RunFinished | RunFailed) -> None:
    """Displays it in the cell, if it is wanted."""
    if is_wanted():
        Display(bundle(outcome))


def line(attempt: Attempt) -> str:
    """`provider / model / attempt`, as whom, and how it ended."""
    who = " / ".join(filter(None, (attempt.provider, attempt.model, attempt.label)))
    source = f", credential from {attempt.credential_source}" if attempt.credential_source else ""
    ended = f" failed ({attempt.error}): {attempt.message}" if attempt.error else " answered"
    return clean_line(f"{who}{source}:{ended}", MAX_CHARS)
