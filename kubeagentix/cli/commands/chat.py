"""`kubeagentix chat`: asks about a cluster in plain words, and streams the answer."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from kubeagentix import options, sync
from kubeagentix.cli import output
from kubeagentix.cli.showing import show
from kubeagentix.contracts import CommandPlugin
from kubeagentix.domain.events import (
    Notice,
    RunFinished,
    RunRecord,
    TextDelta,
    ToolApprovalAnswered,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.options import RunOptions
from kubeagentix.errors import KubeAgentiXError, UsageError
from kubeagentix.report.text import clean_line, clean_piece

if TYPE_CHECKING:
    from kubeagentix.agent import Reply
    from kubeagentix.api import Source
    from kubeagentix.engine.conversation import Conversation

PROMPT = "kubeagentix> "
MAX_CHARS = 100_000  # of a question that is read from standard input
SHOWN_NOTICES = (
    "attempt_failed",
    "last_turn",
    "cut_off",
    "citations_struck",
    "no_answer",
    "too_long",
    "retry",
    "config_repaired",
    "history",
    "other_cluster",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("question", nargs="*", metavar="QUESTION", help="what to ask (default: ask again and again)")
    options.add_place_options(parser)
    parser.add_argument("--snapshot", metavar="FILE", help="a saved snapshot instead of a cluster")
    options.add_model_options(parser, "the first that is configured")
    parser.add_argument("--max-turns", type=int, default=RunOptions().max_turns, metavar="N", help="turns of the model")
    parser.add_argument(
        "--allow-writes", action="store_true", help="let the model propose changes; each is shown and asked about here"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to show it (default: text)")
    options.add_show_option(parser)
    parser.add_argument(
        "--resume", nargs="?", const="latest", metavar="ID", help="go on with an earlier conversation, or the latest"
    )
    options.add_history_option(parser)
    parser.add_argument("--quiet", action="store_true", help="the answer only, without tools and notices")


def run(arguments: argparse.Namespace) -> int:
    """Asks the question, or reads questions until there are no more."""
    options.check(arguments)
    if arguments.max_turns < 1:
        raise UsageError("--max-turns must be at least 1", hint=f"the default is {RunOptions().max_turns}")
    if arguments.allow_writes:
        _check_writing(arguments)
    from kubeagentix.cli import resuming  # noqa: PLC0415  help needs no engine

    conversation = resuming.conversation(arguments)
    questions = iter([" ".join(arguments.question)]) if arguments.question else _questions()

    with options.opened(arguments) as source:
        if _converse(questions, arguments, source, conversation) == 0:
            raise UsageError("there is no question", hint='ask one, as in kubeagentix chat "why is checkout failing?"')
    return 0


def _check_writing(arguments: argparse.Namespace) -> None:
    """Raises UsageError where no change could be made anyway."""
    from kubeagentix import asking  # noqa: PLC0415  only for writing

    if arguments.snapshot:
        raise UsageError("a saved snapshot cannot be changed", hint="leave --allow-writes out, or name a cluster")
    if not asking.is_terminal():
        raise UsageError(f"--allow-writes: {asking.NO_TERMINAL}", hint="run it in a terminal, and ask as an argument")


def _is_typed() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _questions() -> Iterator[str]:
    """The lines of standard input until it ends or says so."""
    while sys.stdin is not None:
        try:
            question = clean_line(input(PROMPT if _is_typed() else ""), MAX_CHARS)
        except EOFError:
            return
        except UnicodeDecodeError:
            raise UsageError("standard input is no text", hint="pipe in questions, one a line, as UTF-8") from None
        if question in ("exit", "quit"):
            return
        if question:
            yield question


def _converse(
    questions: Iterator[str], arguments: argparse.Namespace, source: Source | None, conversation: Conversation
) -> int:
    """Asks each, going on from those before; where they are typed, an error or Ctrl-C ends none but its own.

    Returns how often somebody asked, if only to leave.
    """
    may_go_on = not arguments.question and _is_typed()
    asked = int(may_go_on)
    for question in questions:
        asked += 1
        try:
            _ask(question, arguments, source, conversation)
        except KubeAgentiXError as error:
            if not may_go_on:
                raise
            _aside(f"error: {error}")
        except KeyboardInterrupt:
            output.write("\n" if arguments.format == "text" else "")
            _aside("interrupted")
            if not may_go_on:
                raise
    return asked


def _ask(question: str, arguments: argparse.Namespace, source: Source | None, conversation: Conversation) -> None:
    from kubeagentix import agent  # noqa: PLC0415  help needs no engine

    is_json = arguments.format == "json"
    choice = options.model_choice(arguments)
    chosen = RunOptions(
        fallback=choice["fallback"],
        max_turns=arguments.max_turns,
        anonymize=choice["anonymize"],
        allow_writes=arguments.allow_writes,
    )
    if arguments.show_payload:
        asked = agent.Engine(
            source, namespace=arguments.namespace, provider=choice["provider"], model=choice["model"], history=False
        )
        show(sync.run(asked.payload(question, options=chosen)))
        return
    reply = agent.chat(
        question,
        cluster=source,
        namespace=arguments.namespace,
        provider=choice["provider"],
        model=choice["model"],
        options=chosen,
        conversation=conversation,
        told=None if is_json else _teller(is_quiet=arguments.quiet),
        history=not arguments.no_history,
    )
    if is_json:
        output.write(json.dumps(_as_json(reply), indent=2, ensure_ascii=True) + "\n", is_document=True)
        return
    output.write("\n")
    if not arguments.quiet:
        _aside(agent.describe(reply.finished))


def _teller(*, is_quiet: bool) -> Callable[[RunRecord], None]:
    """Writes the answer to standard output as it comes, and everything else to standard error."""

    def told(record: RunRecord) -> None:
        event = record.event
        if isinstance(event, TextDelta):
            output.write(clean_piece(event.text))
        elif not is_quiet:
            line = _line(event)
            if line:
                _aside(line)

    return told


def _line(event: object) -> str:
    if isinstance(event, ToolCallReady):
        arguments = ", ".join(f"{key}={value}" for key, value in event.call.arguments.items())
        return f"→ {event.call.name}({arguments})"
    if isinstance(event, ToolApprovalAnswered) and event.answer.why:
        return f"  {event.answer.decision}: {event.answer.why}"
    if isinstance(event, ToolCallFinished) and event.result.is_error:
        return f"  failed: {event.result.content}"
    if isinstance(event, Notice) and event.code in SHOWN_NOTICES:
        return event.message
    return ""


def _aside(text: str) -> None:
    print(clean_line(text, 300), file=sys.stderr, flush=True)


def _as_json(reply: Reply) -> dict[str, object]:
    ended: RunFinished = reply.finished
    return {
        "text": reply.text,
        "provider": ended.provider,
        "model": ended.model,
        "attempt": ended.attempt,
        "credential_source": ended.credential_source,
        "reason": ended.reason,
        "usage": {
            "input_tokens": ended.usage.input_tokens,
            "output_tokens": ended.usage.output_tokens,
            "cached_tokens": ended.usage.cached_tokens,
            "cost_usd": ended.usage.cost_usd,
        },
        "attempts": [asdict(attempt) for attempt in ended.attempts],
        "elapsed_s": round(ended.elapsed_s, 3),
        "tools": [
            {"name": event.call.name, "arguments": dict(event.call.arguments), "is_error": event.result.is_error}
            for event in (record.event for record in reply.records)
            if isinstance(event, ToolCallFinished)
        ],
    }


plugin = CommandPlugin(id="chat", help="ask about a cluster in plain words", configure=configure, run=run)
