"""`%khistory`: earlier chats and diagnoses in a cell: lists them, shows one, finds words in them."""

from __future__ import annotations

import argparse
from typing import Any

import kubeagentix as kx
from kubeagentix.contracts import MagicPlugin
from kubeagentix.errors import UsageError

ACTIONS = ("list", "show", "search")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("action", nargs="?", default="list", metavar="|".join(ACTIONS), help="default: list")
    parser.add_argument("words", nargs="*", metavar="ID|WORDS", help="an id, its beginning, or latest; words to search")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="entries to list (default: 20)")


def call(arguments: argparse.Namespace, _: dict[str, Any]) -> Any:
    """What `kx.history` gives: a table, a transcript, a Diagnosis."""
    if arguments.action == "list" and not arguments.words:
        return kx.history.list(arguments.limit)
    if arguments.action == "show" and len(arguments.words) < 2:
        return kx.history.show(*arguments.words)
    if arguments.action == "search":
        return kx.history.search(" ".join(arguments.words), arguments.limit)
    raise UsageError(f"%khistory cannot {arguments.action}", hint="list, show ID, or search WORDS; more in kx.history")


plugin = MagicPlugin(id="khistory", help="Look at earlier chats and diagnoses.", configure=configure, call=call)
