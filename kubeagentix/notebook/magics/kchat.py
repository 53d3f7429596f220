"""`%kchat` opens a chat; `%%kchat` asks what stands in the cell, and streams the answer. All are one conversation."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

import kubeagentix as kx
from kubeagentix import options
from kubeagentix.contracts import MagicPlugin
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import RunFinished
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.payloads import NOBODY, Payload
from kubeagentix.errors import UsageError
from kubeagentix.notebook import session
from kubeagentix.notebook.variables import check_name

if TYPE_CHECKING:
    from kubeagentix.notebook.chatting import Chat, Place


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("question", nargs="*", metavar="QUESTION", help="what to ask (default: open a chat)")
    options.add_place_options(parser)
    parser.add_argument("--snapshot", metavar="FILE", help="a saved snapshot instead of a cluster")
    options.add_model_options(parser, "the first that is configured")
    parser.add_argument("--max-turns", type=int, default=RunOptions().max_turns, metavar="N", help="turns of the model")
    parser.add_argument(
        "--allow-writes", action="store_true", help="let the model propose changes; each is shown and asked about here"
    )
    parser.add_argument("--new", action="store_true", help="begin a new conversation")
    parser.add_argument("--cell", action="store_true", help="put the first command of the last answer into a new cell")
    options.add_show_option(parser)
    options.add_history_option(parser)
    parser.add_argument("-o", "--out", metavar="NAME", help="also keep the Reply (or the open Chat) in this variable")


def call(arguments: argparse.Namespace, user_ns: dict[str, Any]) -> Awaitable[object] | object:
    """Asks, or opens a chat where there is nothing to ask."""
    options.check(arguments)
    question = _question(arguments)
    if arguments.max_turns < 1:
        raise UsageError("--max-turns must be at least 1", hint=f"the default is {RunOptions().max_turns}")
    check_name(arguments.out, user_ns, "reply")
    if arguments.allow_writes and arguments.snapshot:
        raise UsageError("a saved snapshot cannot be changed", hint="leave --allow-writes out, or name a cluster")
    from kubeagentix.notebook.chatting import in_cell  # noqa: PLC0415  widgets are loaded where one is shown
    from kubeagentix.notebook.open_chat import chat_of  # noqa: PLC0415  the same

    chat = chat_of(get_ipython())
    if arguments.cell:
        chat.make_cell()
        return None
    if arguments.show_payload and not question:
        raise UsageError("--show-payload needs a question", hint="put it into the cell, below %%kchat --show-payload")
    place = _place(arguments)
    if arguments.new:
        chat.new()
    if arguments.show_payload:
        return _payload(chat, question, place)
    if question:
        return _asked(in_cell(chat, question, place), chat, arguments.out, user_ns)
    chat.place = place
    if arguments.out is not None:
        user_ns[arguments.out] = chat
    return chat


def _question(arguments: argparse.Namespace) -> str:
    """What is asked, on the line or in the cell. Raises UsageError for both."""
    on_the_line, in_the_cell = " ".join(arguments.question), (arguments.text or "").strip()
    if on_the_line and in_the_cell:
        raise UsageError("the question stands on the line and in the cell", hint="leave only options on the line")
    return on_the_line or in_the_cell


def _place(arguments: argparse.Namespace) -> Place:
    from kubeagentix.notebook.chatting import Place  # noqa: PLC0415  widgets are loaded where one is shown

    chosen = RunOptions(
        provider=arguments.provider or "",
        model=arguments.model or "",
        fallback=not arguments.pin,
        max_turns=arguments.max_turns,
        anonymize=arguments.anonymize,
        allow_writes=arguments.allow_writes,
        target=Target() if arguments.all_namespaces else None,
    )
    return Place(
        cluster=session.source_of(arguments),
        namespace=arguments.namespace,
        options=chosen,
        history=not arguments.no_history,
    )


async def _asked(work: Coroutine[Any, Any, kx.Reply], chat: Chat, out: str | None, user_ns: dict[str, Any]) -> None:
    """The answer has been shown by then: to return it would show it twice."""
    turn, reply = chat.turns[-1], None
    try:
        reply = await work
    finally:  # of an interrupt, what has been shown until then
        if reply is None and isinstance(turn.ended, RunFinished):
            ended, conversation = turn.ended, chat.conversation
            reply = kx.Reply(text=turn.text, answer=ended.answer, finished=ended, conversation=conversation)
        if out is not None and reply is not None:
            user_ns[out] = reply


async def _payload(chat: Chat, question: str, place: Place) -> Payload | session.Lines:
    payload = await chat.payload(question, place)
    return payload if payload is not None else session.Lines(NOBODY)


plugin = MagicPlugin(
    id="kchat",
    help="Ask about the cluster in plain words; without a question, open a chat.",
    configure=configure,
    call=call,
    has_cell=True,
    takes_text=True,
)
