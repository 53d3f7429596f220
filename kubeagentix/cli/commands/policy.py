"""`kubeagentix policy -- ARGS…`: what would be done with a kubectl command that a model writes, running nothing."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubeagentix.cli import output
from kubeagentix.cluster.policy import Bounds, Decision, judge
from kubeagentix.contracts import CommandPlugin
from kubeagentix.errors import UsageError
from kubeagentix.report.text import clean_line

EXIT_CODES: Mapping[str, int] = {"allow": 0, "refuse": 1, "ask": 3}  # 2 is bad input, as everywhere
MAX_CHARS = 2_000  # of one line
_EPILOG = """\
verdicts:
  allow   it only reads, and runs at once                                      (exit code 0)
  refuse  it never runs                                                        (exit code 1)
  ask     it changes the cluster: where writes are allowed, it runs once a     (exit code 3)
          person has approved it; where they are not, it is refused

examples:
  kubeagentix policy -- get pods -n shop
  kubeagentix policy "kubectl delete pod web-1 -n shop"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.epilog = _EPILOG
    parser.usage = "%(prog)s [--format text|json] [--read-only] [--workspace DIR] [--context NAME] [--] ARGS…"
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to show it (default: text)")
    parser.add_argument("--read-only", action="store_true", help="as in a run without writes: what is asked is refused")
    parser.add_argument("--workspace", metavar="DIR", default=".", help="where manifests may be read (default: here)")
    parser.add_argument("--context", metavar="NAME", help="the context of the run, which a command may name, too")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="ARGS", help="what follows kubectl, as words or as one quoted text"
    )


def run(arguments: argparse.Namespace) -> int:
    """Tells the verdict, which is the exit code, too."""
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words:
        raise UsageError("no command is given", hint="as in kubeagentix policy -- get pods -n shop")
    workspace = Path(arguments.workspace)
    if not workspace.is_dir():
        raise UsageError(f"--workspace {clean_line(arguments.workspace)} is no folder")
    bounds = Bounds(context=arguments.context, workspace=workspace)
    decision = judge(words[0] if len(words) == 1 else words, bounds)
    if arguments.read_only:
        decision = decision.for_reading()
    if arguments.format == "json":
        output.write(json.dumps(_document(decision), indent=2, ensure_ascii=False) + "\n", is_document=True)
    else:
        output.write("".join(f"{line}\n" for line in _lines(decision)))
    return EXIT_CODES[decision.verdict]


def _lines(decision: Decision) -> Iterator[str]:
    command = decision.command
    told = f"kubectl {decision.verb}: {decision.why}" if command is not None else decision.why
    rows = [(f"{decision.verdict}:", told)]
    if command is not None and command.changes:
        rows.append(("  changes ", f"{', '.join(map(str, command.changes))}{_place(command.namespace)}"))
    if command is not None:
        rows.append(("  runs    ", f"kubectl {shlex.join(command.arguments)}"))
    if decision.hint:
        rows.append(("  so      ", decision.hint))
    return (f"{label} {clean_line(text, MAX_CHARS)}" for label, text in rows)


def _place(namespace: str | None) -> str:
    return f" in namespace {namespace}" if namespace else ""


def _document(decision: Decision) -> dict[str, Any]:
    command = decision.command
    return {
        "verdict": decision.verdict,
        "why": decision.why,
        "hint": decision.hint,
        "verb": decision.verb,
        "effect": decision.effect,
        "changes": [str(item) for item in command.changes] if command is not None else [],
        "namespace": command.namespace if command is not None else None,
        "arguments": list(command.arguments) if command is not None else [],
        "dry_run": list(command.dry_run) if command is not None else [],
    }


plugin = CommandPlugin(
    id="policy", help="say whether a kubectl command may run, running nothing", configure=configure, run=run
)
