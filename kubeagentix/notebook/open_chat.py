"""A chat that stays open in a cell: what is typed and clicked there runs in the background, whether a cell runs or not.

A saved notebook cannot show a widget without its kernel: it holds the transcript, which is kept up to date below it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.api import Source
from kubeagentix.engine.approvals import by_answer
from kubeagentix.errors import KubeAgentiXError, UsageError
from kubeagentix.notebook import picking, transcripts
from kubeagentix.notebook.chatting import Chat, Place
from kubeagentix.notebook.choice import KubeAgentix, choose_for
from kubeagentix.notebook.showing import Bundle, Display, is_live
from kubeagentix.notebook.turns import Turn
from kubeagentix.notebook.widgets.chat import ChatView

NOTHING = "A chat with the cluster: nothing was asked yet."


class OpenChat(Chat):
    """A chat that a cell shows as a widget to talk in, as often as it is shown; without a kernel it is a transcript."""

    def __init__(self, choice: KubeAgentix, place: Place | None = None) -> None:
        super().__init__(choice, place)
        self.watchers.append(self._keep)
        self._context = contextvars.copy_context()
        self._home: Source | None = None  # what is asked where that is no context
        self._namespaces: list[str] = []
        self._named: tuple[object, ...] = ()  # what the pickers name

    def _ipython_display_(self) -> None:
        if not is_live():
            Display(transcripts.bundle(self.turns))
            return
        self._context = contextvars.copy_context()
        view = self._view()
        view.set(**self._picks())
        view.show(self._transcript)
        self._start(self._list_namespaces())

    def opened(self) -> ChatView:
        """Its widget, to be shown inside another one."""
        view = self._view()
        self._start(self._list_namespaces())
        return view

    def _view(self) -> ChatView:
        if not self.views:
            view = ChatView(self.hear, mode="open", namespaces=[], **self._picks())
            for turn in self.turns:
                turn.show_in(view)
            view.set(running=self.is_running)
            self.views.append(view)
            _after_each_cell(self._follow)
        view = self.views[0]
        assert isinstance(view, ChatView)
        return view

    def hear(self, intent: str, content: Mapping[str, Any]) -> None:
        """What was clicked or typed, on whatever thread; what cannot be done is told in the widget."""
        is_taken = False
        try:
            self._heard(intent, content)
            is_taken = True
        except KubeAgentiXError as error:
            for view in self.views:
                view.set(hint=str(error))
        finally:
            if "ask" in content:
                for view in self.views:
                    view.set(heard=[str(content["ask"])[:40], is_taken])

    def _heard(self, intent: str, content: Mapping[str, Any]) -> None:
        if intent in ("ask", "retry"):
            self._check_named(content.get("context"))
        if intent == "ask":
            self._ask(str(content.get("text", "")))
        elif intent == "retry":
            self._ask(self.take_back())
        elif intent == "new":
            self.new()
        elif intent == "choose":
            self._choose(str(content.get("what")), str(content.get("value", "")))
        else:
            super().hear(intent, content)

    def _check_named(self, context: Any) -> None:
        """Raises UsageError if that is named in the browser, and another cluster would be asked."""
        picks = self._picks()
        if context is None or context == picks["context"]:
            return
        self._show_picks(picks)
        called = next((item["title"] for item in picks["contexts"] if item["id"] == picks["context"]), "no cluster")
        raise UsageError(f"not sent: the cluster has changed meanwhile, to {called}", hint="send it again to ask there")

    def _ask(self, question: str) -> None:
        self._start(self._in_background(self.begin(question)))

    async def _in_background(self, turn: Turn) -> None:
        with suppress(KubeAgentiXError):  # which the turn shows
            try:
                await self.answered(turn, self.place, by_answer)
            except Exception as error:
                turn.fail(f"{type(error).__name__}: {error}")
                raise

    def _choose(self, what: str, value: str) -> None:
        """A pick counts for all that this notebook asks; what this chat was opened with gives way."""
        if what == "context" and value == picking.HERE:
            kx.use(self._home)
        elif what != "namespace" or self.place.cluster is None:
            picking.picked(self.choice, what, value)
        if what == "namespace":
            self.place = replace(self.place, namespace=value or None)
        elif what == "context":
            self.place = replace(self.place, cluster=None, namespace=None)
            self._start(self._list_namespaces())
        else:
            options = replace(self.place.options, provider="", model="", credential=None)
            self.place = replace(self.place, options=options)
        for view in self.views:
            view.set(hint="", **self._picks())

    def _follow(self, _: object = None) -> None:
        """Names what is asked from now on, once a cell has changed that."""
        if self._named != self._asked():
            self._show_picks(self._picks())
            self._start(self._list_namespaces())

    def _show_picks(self, picks: Mapping[str, Any]) -> None:
        for view in self.views:
            view.set(**picks)

    def _source(self) -> Source | None:
        """What is asked; a demo that was stopped is no more."""
        if picking.has_ended(self.place.cluster):
            self.place = replace(self.place, cluster=None)
        if picking.has_ended(self._home):
            self._home = None
        return self.place.cluster if self.place.cluster is not None else kx.current()

    def _asked(self) -> tuple[object, ...]:
        source = self._source()
        return (source, self._home, self.place, self.choice.provider, self.choice.model, self.choice.namespace)

    def _picks(self) -> dict[str, Any]:
        source = self._source()
        picture = picking.picture(self.choice, source)
        if picture["context"] == picking.HERE:
            self._home = source
        elif self._home is not None:
            picture["contexts"] = [{"id": picking.HERE, "title": picking.called(self._home)}, *picture["contexts"]]
        self._named = self._asked()
        given = self.place.options
        return {
            **picture,
            "provider": given.provider or picture["provider"],
            "model": given.model or picture["model"],
            "namespace": self.place.namespace or picture["namespace"],
        }

    async def _list_namespaces(self) -> None:
        self._namespaces = await picking.namespaces(self._source())
        for view in self.views:
            view.set(namespaces=self._namespaces)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins work in the background, on behalf of the cell that shows this: older kernels want to know for whom."""
        self._context.copy().run(sync.start, work)

    def _transcript(self) -> Bundle:
        if self.turns:
            return transcripts.so_far(self.turns) if self.is_running else transcripts.bundle(self.turns)
        return {"text/html": f"<p><small>{NOTHING}</small></p>", "text/plain": NOTHING}

    def _keep(self) -> None:
        """Brings the transcripts up to date."""
        for view in self.views:
            if isinstance(view, ChatView):
                view.refresh()


def _after_each_cell(call: Callable[[object], None]) -> None:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  the magics' modules load without a shell

    shell: Any = get_ipython()
    if shell is not None:
        shell.events.register("post_run_cell", call)


_chats: WeakKeyDictionary[Any, OpenChat] = WeakKeyDictionary()


def chat_of(shell: Any) -> OpenChat:
    """The chat of that shell, in which its cells go on; the same each time."""
    if shell not in _chats:
        _chats[shell] = OpenChat(choose_for(shell))
    return _chats[shell]


def opened(shell: Any, **place: Any) -> OpenChat:
    """The same, asking there from now on; the arguments are those of Place."""
    chat = chat_of(shell)
    chat.place = Place(**place)
    return chat
