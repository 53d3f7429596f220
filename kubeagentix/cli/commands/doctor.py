"""`kubeagentix doctor`: what of this set-up works, what does not, and what to do about it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from kubeagentix import sync
from kubeagentix.cli import output
from kubeagentix.contracts import CommandPlugin

if TYPE_CHECKING:
    from kubeagentix.doctor.results import Checkup

PIPE_WIDTH, MAX_WIDTH = 110, 120
_STYLES = {
    "heading": "bold",
    "ok": "green",
    "warning": "bold yellow",
    "failed": "bold red",
    "not there": "dim",
    "do": "cyan",
    "plain": "",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--context", metavar="NAME", help="ask this context's cluster (default: the current one)")
    parser.add_argument("--kubeconfig", metavar="FILE", help="this file instead of those that KUBECONFIG names")
    parser.add_argument("--all-contexts", action="store_true", help="ask the clusters of all contexts")
    parser.add_argument("--test", action="store_true", help="really ask each provider that is configured")
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECONDS", help="wait so long for one answer (default: 5)"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how to show it (default: table)")
    parser.add_argument("--no-color", action="store_true", help="no colours, as with NO_COLOR in the environment")


def run(arguments: argparse.Namespace) -> int:
    """Shows what was seen; 1 if something failed."""
    from kubeagentix.doctor.checkup import checkup  # noqa: PLC0415  help needs no engine

    found = sync.run(
        checkup(
            context=arguments.context,
            kubeconfig=arguments.kubeconfig,
            all_contexts=arguments.all_contexts,
            test=arguments.test,
            timeout_s=arguments.timeout,
        )
    )
    _show(found, arguments)
    return 0 if found.is_ok else 1


def _show(found: Checkup, arguments: argparse.Namespace) -> None:
    if arguments.format == "json":
        output.write(found.to_json() + "\n", is_document=True)
    elif sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        _show_coloured(found, has_color=not arguments.no_color)
    else:
        from kubeagentix.doctor.showing import text_of  # noqa: PLC0415

        output.write(text_of(found, PIPE_WIDTH) + "\n")


def _show_coloured(found: Checkup, *, has_color: bool) -> None:
    from rich.console import Console  # noqa: PLC0415  brings rich, which a pipe does not need
    from rich.text import Text  # noqa: PLC0415

    from kubeagentix.doctor.showing import lines_of  # noqa: PLC0415

    console = Console(no_color=not has_color or None, highlight=False, emoji=False, markup=False)
    for line in lines_of(found, min(console.width, MAX_WIDTH)):
        text = Text(line.text)  # never a plain str: square brackets are no markup
        end = line.indent + line.mark if line.mark is not None else len(line.text)
        text.stylize(_STYLES[line.tone], line.indent, end)
        console.print(text, soft_wrap=True)


plugin = CommandPlugin(
    id="doctor", help="check kubectl, claude, logins, kubeconfig, clusters and variables", configure=configure, run=run
)
