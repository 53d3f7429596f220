"""`kubeagentix history`: lists, shows, searches, exports and prunes what was kept of chats and diagnoses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import kubeagentix as kx
from kubeagentix.cli import output
from kubeagentix.contracts import CommandPlugin
from kubeagentix.errors import UsageError
from kubeagentix.options import nearest
from kubeagentix.report.files import PRIVATE, check_writable, write_file

if TYPE_CHECKING:
    from kubeagentix.history.pruning import Pruned
    from kubeagentix.recall import Entries

FORMATS = ("table", "json", "markdown", "html", "text")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "action", nargs="?", default="list", metavar="|".join(ACTIONS), help="what to do (default: list)"
    )
    parser.add_argument("words", nargs="*", metavar="ID|WORDS", help="an id, its beginning, or latest; words to search")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="entries to list (default: 20)")
    parser.add_argument("--format", choices=FORMATS, help="list, search: table, json; export also others")
    parser.add_argument("--output", metavar="FILE", help="export: write it to a file that only you can read")
    parser.add_argument("--days", type=float, metavar="N", help="prune: what is older")
    parser.add_argument("--mb", type=float, metavar="N", help="prune: what is more, from the oldest on")
    parser.add_argument("--yes", action="store_true", help="clear: without asking")


def run(arguments: argparse.Namespace) -> int:
    """Does it."""
    action = ACTIONS.get(arguments.action)
    if action is None:
        hint = nearest(arguments.action, ACTIONS) or f"it can {', '.join(ACTIONS)}"
        raise UsageError(f"history cannot {arguments.action!r}", hint=hint)
    if arguments.words and arguments.action in ("list", "prune", "path", "clear"):
        raise UsageError(f"history {arguments.action} takes no {arguments.words[0]!r}", hint="leave it out")
    action(arguments)
    return 0


def _list(arguments: argparse.Namespace) -> None:
    _show_entries(kx.history.list(arguments.limit), arguments, "nothing is kept yet")


def _search(arguments: argparse.Namespace) -> None:
    _show_entries(kx.history.search(" ".join(arguments.words), arguments.limit), arguments, "nothing was found")


def _show_entries(entries: Entries, arguments: argparse.Namespace, if_none: str) -> None:
    if _format(arguments, ("table", "json")) == "json":
        output.write(entries.to_json() + "\n", is_document=True)
    else:
        output.write(f"{entries if entries else if_none}\n")


def _format(arguments: argparse.Namespace, known: tuple[str, ...]) -> str:
    """The format that is asked for, or the first. Raises UsageError for one that this action has not."""
    given = arguments.format or known[0]
    if given not in known:
        raise UsageError(f"history {arguments.action} has no format {given}", hint=f"it has {', '.join(known)}")
    return str(given)


def _id(arguments: argparse.Namespace) -> str:
    if len(arguments.words) > 1:
        raise UsageError(f"history {arguments.action} takes one id", hint="ask for one at a time")
    return arguments.words[0] if arguments.words else "latest"


def _show(arguments: argparse.Namespace) -> None:
    found = kx.history.show(_id(arguments))
    output.write(found.to_text() if isinstance(found, kx.Diagnosis) else f"{found.to_markdown().rstrip()}\n")


def _export(arguments: argparse.Namespace) -> None:
    if arguments.output is not None:
        check_writable(arguments.output)
    text = kx.history.export(_id(arguments), _format(arguments, ("markdown", "json", "html", "text")))
    if arguments.output is not None:
        write_file(arguments.output, text, mode=PRIVATE)
    else:
        output.write(f"{text.rstrip()}\n", is_document=True)


def _prune(arguments: argparse.Namespace) -> None:
    _tell(kx.history.prune(days=arguments.days, mb=arguments.mb))


def _clear(arguments: argparse.Namespace) -> None:
    if not arguments.yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError("clear takes everything out of the history", hint="say --yes if that is meant")
        answer = input(f"Take everything out of {kx.history.path}? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            output.write("nothing was taken out\n")
            return
    _tell(kx.history.clear())


def _tell(pruned: Pruned) -> None:
    output.write(f"{pruned}\n")


def _path(_: argparse.Namespace) -> None:
    output.write(f"{kx.history.path}\n")


ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "list": _list,
    "show": _show,
    "search": _search,
    "export": _export,
    "prune": _prune,
    "path": _path,
    "clear": _clear,
}

plugin = CommandPlugin(
    id="history", help="look at earlier chats and diagnoses, and prune them", configure=configure, run=run
)
