"""The live table of `%kdx`: what it shows while a cell runs and afterwards, and what its clicks do.

No output is a widget's once the cell has ended: what is saved is the static report of the Diagnosis, which its table
covers wherever it is displayed (docking.py).
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kubeagentix import sync
from kubeagentix.api import AUTO
from kubeagentix.cluster.connection import connect
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.events import Notice, PartialFindings, ProgressEvent, StageChanged
from kubeagentix.errors import KubeconfigError
from kubeagentix.keeping import asked
from kubeagentix.notebook import reports
from kubeagentix.notebook.choice import chosen
from kubeagentix.notebook.showing import Bundle, Shown
from kubeagentix.notebook.widgets import findings as widget
from kubeagentix.quickdx.diagnosis import Diagnosis, Difference
from kubeagentix.report import words
from kubeagentix.report.text import clean_line

if TYPE_CHECKING:
    from kubeagentix.api import Source
    from kubeagentix.notebook.explaining import Explanation
    from kubeagentix.notebook.open_chat import OpenChat

MAX_GONE = 200  # rows
MAX_KEPT = 20  # findings that stay of a run that was stopped before its answer
UPDATE_S = 0.05
KEEP_UP_S, SHARE = 3.0, 10  # between two reports that are made while it works, and that many times what one takes


class DxView:
    """One table. As a context it lasts as long as the cell works, and gives the listener of that work."""

    def __init__(self, title: str, source: Source | None, provider: str = "", model: str = "") -> None:
        self._source, self._provider, self._model = source, provider, model
        self._choice = chosen()
        self._title = title
        self._context = contextvars.copy_context()  # of the cell, which older kernels need to send
        self.view = widget.FindingsView(self._intended)
        self.view.set(title=title)
        self.diagnosis: Diagnosis | None = None
        self._partial: tuple[Finding, ...] = ()  # what is known before there is a diagnosis
        self._gone: dict[str, Finding] = {}
        self._new: frozenset[str] = frozenset()
        self._new_roots: frozenset[str] = frozenset()
        self._counts: dict[str, int] = {}  # objects that have been read, by kind
        self._stages: dict[str, dict[str, Any]] = {}
        self._jobs: dict[str, sync.Job[None]] = {}
        self._explanations: dict[str, Explanation] = {}
        self.chats: dict[str, OpenChat] = {}  # that go on from explanations, by the finding's id
        self._lock = threading.Lock()
        self._began = self._told = time.monotonic()
        self._staying: list[str] = []
        self._ended = ""  # the line that stays where the widget was
        self._keeps = False  # whether the report stays there instead: nobody else shows it
        self.is_shown_after = False  # whether the cell's result is the report even after an interrupt
        self._keeping = threading.Lock()
        self._is_behind = False  # what is saved of it
        self._next_at = 0.0  # it may be brought up to date again
        self.on_stop: Callable[[], None] = lambda: None
        self._shown: Shown | None = None
        self._report: dict[str, str] | None = None  # of `diagnosis`, once

    def begin(self) -> Self:
        """Shows it in this cell."""
        self._shown = Shown(self.view, self._static)
        self.offer()
        return self

    def offer(self) -> None:
        """Finds out by whom rows can be explained, and offers it."""
        self._jobs[""] = sync.start(self._offer())

    def __enter__(self) -> Callable[[ProgressEvent], None]:
        return self.listen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_interrupted = kind is not None and issubclass(kind, asyncio.CancelledError | KeyboardInterrupt)
        word = "done" if kind is None else "stopped" if is_interrupted else "failed"
        self._ended = f"Quick Dx: {word} in {time.monotonic() - self._began:.1f} s"
        is_shown = kind is None or (is_interrupted and self.is_shown_after)
        self._keeps = not is_shown and self.diagnosis is not None  # what was shown is kept
        self.view.set(phase=word, may_stop=False, stages=[], is_reading=False)
        self.view.flush()
        if self.diagnosis is not None:
            self._report = self.diagnosis._repr_mimebundle_()  # before the widget goes, so that nothing is missing long
        if self._shown is not None:
            with self._keeping:
                self._shown.settle()
        sys.stderr.writelines(f"{clean_line(line, 300)}\n" for line in self._staying)
        self._staying.clear()

    def listen(self, event: ProgressEvent) -> None:
        """How far the work is."""
        if isinstance(event, Notice):
            self.view.set(note=clean_line(event.message, 300))
            if event.code == "history":  # it is about more than this moment
                self._staying.append(event.message)
            return
        if isinstance(event, PartialFindings):
            self._show_partial(event)
            return
        self._stages[event.stage] = self._stage(event)
        now = time.monotonic()
        if now - self._told >= UPDATE_S or event.done == event.total:
            self._told = now
            self.view.set(stages=[*self._stages.values()])
            self._keep_up()

    def _stage(self, event: StageChanged) -> dict[str, Any]:
        """How far a stage is; while objects are read, how many there are of each kind."""
        detail = clean_line(event.detail, 80)
        shown = {"name": event.stage, "done": event.done, "total": event.total, "detail": detail}
        if event.stage != "collect":
            return shown
        if event.items:
            self._counts[detail] = max(event.items, self._counts.get(detail, 0))
            shown["detail"] = f"{event.items:,} {detail}"
        most = sorted(self._counts.items(), key=lambda item: -item[1])
        return {
            **shown,
            "objects": sum(self._counts.values()),
            "kinds": ", ".join(f"{count:,} {kind}" for kind, count in most),
        }

    def _show_partial(self, event: PartialFindings) -> None:
        """Shows what is sure so far, unless there is an earlier answer to be seen."""
        if self.diagnosis is None:
            self._partial = event.findings
            self.view.put({"id": "findings", "rows": widget.partial_rows(event.findings), "more": event.more})
            self.view.set(is_partial=True)
            self._is_behind = True
            self._keep_up()

    def show(self, diagnosis: Diagnosis, since: Difference | None = None, phase: str = "done") -> None:
        """Shows an answer, with what is new and gone since the last one."""
        before, self.diagnosis = self.diagnosis, diagnosis
        if since is not None and (since.new or since.gone):
            self._gone = {item.id: item for item in since.gone[:MAX_GONE]}
            self._new, self._new_roots = _ids(since.new), _ids(since.new_hypotheses)
            clock = f"{diagnosis.finished_at.astimezone():%H:%M:%S}"
            self.view.set(change=f"{clock}: {len(since.new)} new, {len(since.gone)} gone")
        if since is None:
            self._gone, self._new, self._new_roots = {}, frozenset(), frozenset()
        shown = [item for item in self._gone.values() if item.id not in {one.id for one in diagnosis.findings}]
        more = max(0, len(diagnosis.hypotheses) - words.MAX_HYPOTHESES)
        for part in self.view.parts:
            if str(part["id"]).startswith("detail-"):
                self.view.drop(part["id"])
        causes = widget.hypotheses(diagnosis, self._new_roots)
        self.view.put({"id": "hypotheses", "items": causes, "more": more})
        self.view.put({"id": "findings", "rows": widget.rows(diagnosis, self._new, shown)})
        self._partial = ()
        self.view.set(headline=words.headline(diagnosis), phase=phase, note=_note(diagnosis), is_partial=False)
        self.view.flush()
        reports.remember(self, diagnosis.id, before.id if before is not None else "")
        self._is_behind |= diagnosis is not before and (since is None or bool(since.new or since.gone))
        if before is None:
            self._next_at = 0.0
        self._keep_up()

    def _keep_up(self) -> None:
        """Brings what is saved up to date: a kernel may end at any time, and leaves that.

        A widget's output shows an error then, so from here on it is the report alone, where the browser covers it.
        """
        if not self._is_behind or not self.view.docks:
            return
        with self._keeping:
            began = time.monotonic()
            if self._shown is None or self._ended or began < self._next_at:
                return
            self._is_behind = False
            self.view.flush()
            self._shown.settle()
            self.view.set(settled=True)
            took = time.monotonic() - began
            self._next_at = began + took + max(KEEP_UP_S, SHARE * took)

    def _stay(self) -> None:
        """A browser that was thought to find the report does not: the widget stays beside it, until the end."""
        with self._keeping:
            if self._shown is not None and not self._ended:
                self._shown.unsettle()

    async def _offer(self) -> None:
        """Whom a row can be explained by, and who is asked unless another is chosen."""
        from kubeagentix.agent import provider_statuses  # noqa: PLC0415  takes a moment that the cell need not wait for

        whom = self._choice.whom(self._provider, self._model)
        named = "" if whom.provider == AUTO else whom.provider
        found = await provider_statuses(provider=named, model=whom.model, credentials=self._choice.credentials)
        usable = [item for item in found if item.is_configured]
        known = [item.id for item in usable]
        first = named if named in known else next((item.id for item in usable if item.is_next), next(iter(known), ""))
        self.view.set(
            providers=[{"id": item.id, "label": _label(item.id, item.model)} for item in usable], provider=first
        )

    def report_of(self, diagnosis: Diagnosis) -> dict[str, str]:
        """The report of the diagnosis that it shows, made already when the cell ended."""
        report, self._report = self._report, None
        return report if report is not None and diagnosis is self.diagnosis else diagnosis._repr_mimebundle_()

    def covered(self, report: str) -> str:
        """The HTML of a report, in an element that this covers."""
        return self.view.covered(report)

    def close(self) -> None:
        """Leaves the report alone where it stands."""
        for job in self._jobs.values():
            job.cancel()
        for view in (*(view for chat in self.chats.values() for view in chat.views), self.view):
            view.close()

    def _static(self) -> Bundle:
        if self._keeps and self.diagnosis is not None:
            return reports.bundle_of(self.diagnosis)
        text = self._ended or f"⏳ {self._title}"
        if not self._ended and (self.diagnosis is not None or self._partial):
            return self._so_far(f"{text}, as far as it was at {time.strftime('%H:%M:%S')}")
        return self._listed(text)

    def _so_far(self, text: str) -> Bundle:
        """What stands under the table while it works."""
        if self.diagnosis is None:
            bundle = self._listed(text)
        else:
            report = self.diagnosis._repr_mimebundle_()
            bundle = {
                "text/plain": f"{text}\n\n{report['text/plain']}",
                "text/html": f"<small>{escape(text)}</small>{report['text/html']}",
            }
        return {**bundle, "text/html": self.covered(bundle["text/html"])}

    def _listed(self, text: str) -> Bundle:
        """A line, and what was sure by then if there is no diagnosis."""
        if not self._partial:
            return {"text/plain": text, "text/html": f"<small>{escape(text)}</small>"}
        lines = [
            clean_line(f"{item.severity.value}: {item.ref}: {item.title}", 300) for item in self._partial[:MAX_KEPT]
        ]
        text = f"{text}. Found until then, in part of the picture:"
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        return {
            "text/plain": "\n- ".join([text, *lines]),
            "text/html": f"<small>{escape(text)}</small><ul>{items}</ul>",
        }

    def _intended(self, name: str, more: Mapping[str, Any]) -> None:
        """What was clicked, on whatever thread that is told."""
        key = str(more.get("id", ""))
        if name == "stop":
            self.on_stop()
        elif name == "docks":
            self._context.copy().run(self._keep_up)
        elif name == "stays":
            self._context.copy().run(self._stay)
        elif name == "open":
            self._open(key)
        elif name == "choose":
            self._choose(str(more.get("provider", "")))
        elif name == "explain":
            self._context.copy().run(self._explain, key)
        elif name == "stop_explaining" and key in self._jobs:
            self._jobs[key].cancel()
        elif name == "chat":
            self._context.copy().run(self._go_on, key)

    def _open(self, key: str) -> None:
        finding = self._finding(key)
        if finding is not None:
            part = widget.detail(self._findings, finding, is_gone=finding.id in self._gone)
            self._context.copy().run(self._put_now, part)

    def _put_now(self, part: dict[str, Any]) -> None:
        self.view.put(part)
        self.view.flush()

    def _choose(self, provider: str) -> None:
        """Asks this one from now on, in the whole notebook."""
        if provider in {item["id"] for item in self.view.state.get("providers", ())}:
            self._provider, self._model = provider, ""
            self._choice.use(provider)
            self._context.copy().run(lambda: self.view.set(provider=provider))

    @property
    def _findings(self) -> tuple[Finding, ...]:
        return self.diagnosis.findings if self.diagnosis is not None else self._partial

    def _finding(self, key: str) -> Finding | None:
        return next((item for item in self._findings if item.id == key), None) or self._gone.get(key)

    def _explain(self, key: str) -> None:
        from kubeagentix.notebook.explaining import Explanation  # noqa: PLC0415  only where a model is asked

        finding = self._finding(key)
        with self._lock:
            running = self._jobs.get(key)
            if finding is None or (running is not None and not running.is_done):
                return
            explanation = self._explanations[key] = Explanation(self.view, finding)
            if self.chats.pop(key, None) is not None:
                self.view.drop(f"chat-{key}")
            self._jobs[key] = sync.start(explanation.run(*self._asked()))

    def _go_on(self, key: str) -> None:
        """Opens a chat below the explanation of a row, which is the first that was said in it."""
        from kubeagentix.notebook.chatting import Place  # noqa: PLC0415  only where a model is asked

        explanation, finding = self._explanations.get(key), self._finding(key)
        if explanation is not None and explanation.is_over and finding is not None and key not in self.chats:
            chat = explanation.chat(self._choice, Place(cluster=self._source))
            self.chats[key] = chat
            self._put_now({"id": f"chat-{key}", "model": chat.opened().model_id})

    def _asked(self) -> tuple[Any, str]:
        from kubeagentix.agent import Engine  # noqa: PLC0415  only where a model is asked

        who = str(self.view.state.get("provider", ""))
        whom = self._choice.whom(who, self._model)
        engine = Engine(
            self._source,
            provider=whom.provider,
            model=whom.model,
            credential=whom.credential,
            credentials=self._choice.credentials,
        )
        return engine, who


def _label(provider: str, model: str) -> str:
    return clean_line(f"{provider} · {model}" if model else provider, 80)


def _ids(items: Any) -> frozenset[str]:
    return frozenset(item.id for item in items)


def _note(diagnosis: Diagnosis) -> str:
    gaps = len(diagnosis.gaps)
    return f"{words.gaps_warning(diagnosis)}: {gaps} in all, in the report" if gaps else ""


def opened(diagnosis: Diagnosis) -> DxView:
    """A table of an answer that comes from elsewhere than `%kdx`, such as `kx.diagnose()`."""
    source = _source_of(diagnosis)
    table = DxView("Quick Dx", source)
    if source is not None:  # else there is nobody to ask about it
        table.offer()
    table.show(diagnosis)
    return table


def _source_of(diagnosis: Diagnosis) -> Source | None:
    """What that answer is about: the very cluster if it is still at hand, else the context of that name, if any."""
    found: Source | None = asked.get(diagnosis.id)
    if found is not None or not diagnosis.cluster:
        return found
    try:
        return connect(context=diagnosis.cluster)
    except KubeconfigError:
        return None
