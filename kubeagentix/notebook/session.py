"""What the magics share: which cluster a call asks, and the line that says how far it is."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, TypeVar

import kubeagentix as kx
from kubeagentix import options
from kubeagentix.domain.events import Listener, Notice, PartialFindings, ProgressEvent, StageChanged
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.notebook.showing import Display, is_live
from kubeagentix.report.files import write_file
from kubeagentix.report.text import clean_line

if TYPE_CHECKING:
    from kubeagentix.api import Source

T = TypeVar("T")

MEDIA_TYPES = {"markdown": "text/markdown", "html": "text/html"}  # JSON is shown as text
UPDATE_S = 0.05  # 20 updates a second look live; more clog the server


class Lines(str):
    """Text that a cell shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def asked_now() -> str:
    """What calls ask that name no cluster, in words."""
    match kx.current():
        case kx.Cluster() as cluster:
            return clean_line(f"context {cluster.context}")
        case kx.Snapshot():
            return "the snapshot from before"
        case kx.Demo():
            return "the demo cluster from before"
    return "the kubeconfig's current context"


def start_demo(*scenarios: str) -> kx.Demo:
    """The running demo if it holds just these scenarios (default: all), else a new one in its place."""
    running = kx.current()
    if isinstance(running, kx.Demo):
        if not scenarios or {item.id for item in running.scenarios} == {*scenarios}:
            return running
        running.close()
    return kx.demo(*scenarios)


def source_of(arguments: argparse.Namespace) -> Source | None:
    """What the options name, for this call only (None: nothing); a demo stays current, as after `%kdemo`."""
    if arguments.demo is not None:
        return start_demo(*options.scenarios_of(arguments))
    with options.opened(arguments) as source:
        return source


def shown(diagnosis: kx.Diagnosis, arguments: argparse.Namespace) -> kx.Diagnosis | None:
    """The Diagnosis for the cell to display, or None once it was shown in another way that the options ask for.

    Raises KubeAgentiXError if it is as bad as `--fail-on` says.
    """
    return presented(diagnosis, arguments, options.rendered, is_bad=options.is_bad(diagnosis, arguments))


def presented(
    found: T, arguments: argparse.Namespace, render: Callable[[T, argparse.Namespace], str], *, is_bad: bool
) -> T | None:
    """The same of any answer, which `render` gives as text."""
    from IPython.display import display  # noqa: PLC0415  the magics' modules load without a shell

    has_own_way = arguments.format != "table" or arguments.verbose
    if arguments.output is not None:
        write_file(arguments.output, render(found, arguments))
    elif has_own_way:
        media_type = MEDIA_TYPES.get(arguments.format, "text/plain")
        Display({media_type: render(found, arguments)})
    elif is_bad:
        display(found)  # type: ignore[no-untyped-call]
    if is_bad:
        raise KubeAgentiXError(f"there are findings of severity {arguments.fail_on} or worse", hint="see above")
    return None if has_own_way and arguments.output is None else found


class Progress:
    """One displayed line, kept up to date for as long as its block runs. Entering gives the listener.

    In a notebook only: a terminal would print every update anew, and a static rendering shows the result alone.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._handle = Display(_bundle(f"⏳ {title}")) if is_live() else None
        self._began = self._shown = time.monotonic()
        self._staying: list[str] = []

    def __enter__(self) -> Listener:
        return self._listen

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        is_interrupted = kind is not None and issubclass(kind, asyncio.CancelledError | KeyboardInterrupt)
        word = "done" if kind is None else "stopped" if is_interrupted else "failed"
        self._show(f"{self._title}: {word} in {time.monotonic() - self._began:.1f} s")
        sys.stderr.writelines(f"{clean_line(line, 300)}\n" for line in self._staying)

    def _listen(self, event: ProgressEvent) -> None:
        if isinstance(event, Notice) and event.code == "history":  # it is about more than this moment
            self._staying.append(event.message)
        now = time.monotonic()
        if now - self._shown >= UPDATE_S:
            self._shown = now
            self._show(f"⏳ {self._title}: {_described(event)}")

    def _show(self, text: str) -> None:
        if self._handle is not None:
            self._handle.update(_bundle(text))


def _bundle(text: str) -> dict[str, str]:
    return {"text/plain": text, "text/html": f"<small>{escape(text)}</small>"}


def _described(event: ProgressEvent) -> str:
    if isinstance(event, PartialFindings):
        return f"{len(event.findings) + event.more} findings so far"
    if isinstance(event, StageChanged):
        count = f" {event.done}/{event.total}" if event.total > 1 else ""
        return clean_line(f"{event.stage}{count} {event.detail}", 100)
    return clean_line(event.message, 100)
