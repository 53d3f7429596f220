"""The chat as it is seen: what was asked, what runs, what is answered, and the buttons and fields around it."""

from __future__ import annotations

from typing import Any, Literal

from kubeagentix.notebook.docking import DockedView
from kubeagentix.notebook.view import Intent, source


class ChatView(DockedView):
    """Shows turns of a chat: parts of `notebook.turns`, and pieces of evidence that are opened where they are cited.

    In a `cell` it shows one answer as it comes; an `open` one has a field to ask in, and stays. Its intents are `ask`
    (text), `stop`, `answer` (request, decision), `retry`, `new`, `choose` (what, value) and `cell` (text).
    """

    _css = source("kit.css", "chat.css")
    _esm = source("kit.js", "dock.js", "chat.js")

    def __init__(self, on_intent: Intent, *, mode: Literal["cell", "open"], **state: Any) -> None:
        super().__init__(on_intent, mode=mode, running=False, doing="", hint="", **state)
