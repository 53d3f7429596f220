"""Calls a magic: parses its line and body, waits or lets the cell wait, and shows known errors in one line."""

from __future__ import annotations

import argparse
import asyncio
import inspect
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from kubeagentix import sync
from kubeagentix.contracts import MagicPlugin
from kubeagentix.errors import KubeAgentiXError, NotFoundError, UsageError
from kubeagentix.notebook.awaiting import may_return_awaitable
from kubeagentix.notebook.choice import chosen
from kubeagentix.notebook.expansion import expanded, words_of
from kubeagentix.notebook.reporting import show_in_one_line
from kubeagentix.options import OneLineParser


def parser_of(plugin: MagicPlugin) -> OneLineParser:
    """The option parser of a magic."""
    parser = OneLineParser(f"%{plugin.id}", plugin.help, _note(plugin))
    plugin.configure(parser)
    return parser


def _note(plugin: MagicPlugin) -> str:
    variables = r"{{name}} is that variable of the notebook; \{{ stands for the braces themselves."
    if not plugin.has_cell:
        return variables
    if plugin.takes_text:
        return f"%%{plugin.id}: these stand on the first line; the body is text.\n{variables}"
    return f"%%{plugin.id}: the body holds more of these, one line each; # starts a comment.\n{variables}"


def call(plugin: MagicPlugin, line: str, cell: str | None, user_ns: dict[str, Any]) -> Any:
    """What the magic returns, or an awaitable of it where the cell awaits. Known errors render in one line."""
    try:
        arguments = _parsed(plugin, line, cell, user_ns)
        if arguments is None:
            return None
        with _leading_back(arguments):
            result = plugin.call(arguments, user_ns)
            if not inspect.isawaitable(result):
                return result
            if not may_return_awaitable():
                return _waited_for(result)
        return _awaited(result, arguments)
    except (KubeAgentiXError, KeyboardInterrupt) as error:
        show_in_one_line(error)
        raise


@contextmanager
def _leading_back(arguments: argparse.Namespace) -> Iterator[None]:
    """An error about the namespace of the session's choice, which the cell does not name, says who names it."""
    try:
        yield
    except NotFoundError as error:
        namespace = chosen().namespace
        if namespace and getattr(arguments, "namespace", "") is None and repr(namespace) in error.message:
            error.hint = "; ".join(filter(None, (error.hint, "%config KubeAgentix.namespace names it")))
        raise


def _waited_for(work: Awaitable[Any]) -> Any:
    try:
        return sync.run(_coroutine(work))
    except KeyboardInterrupt:
        if (left := _left(work)) is None:
            raise
        return left


async def _awaited(work: Awaitable[Any], arguments: argparse.Namespace) -> Any:
    try:
        with _leading_back(arguments):
            return await sync.arun(_coroutine(work))
    except KubeAgentiXError as error:
        show_in_one_line(error)
        raise
    except asyncio.CancelledError:  # how an interrupt reaches a cell that awaits
        if (left := _left(work)) is not None:
            return left
        interrupt = KeyboardInterrupt()
        show_in_one_line(interrupt)
        raise interrupt from None


def _left(work: Awaitable[Any]) -> Any:
    """What work that goes on until somebody ends it has found when it is interrupted: its `left()`."""
    return work.left() if hasattr(work, "left") else None


async def _coroutine(work: Awaitable[Any]) -> Any:
    return await work


def _parsed(plugin: MagicPlugin, line: str, cell: str | None, user_ns: dict[str, Any]) -> argparse.Namespace | None:
    try:
        words = words_of(line, user_ns)
        for body_line in (cell or "").splitlines() if not plugin.takes_text else ():
            words += words_of(body_line, user_ns)
    except ValueError as error:
        raise UsageError(
            f"%{plugin.id}: {str(error).lower()}", hint="close the quotation, or quote the whole"
        ) from error
    try:
        arguments = parser_of(plugin).parse(words)
    except SystemExit:  # argparse printed the help
        return None
    if plugin.takes_text:
        arguments.text = expanded(cell, user_ns) if cell is not None else None
    return arguments
