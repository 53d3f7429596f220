"""`kubeagentix watch`: Quick Dx that goes on, as a table on a terminal, elsewhere as a line for what is new or gone.

It goes on until it is interrupted (130) or its reader goes away (141).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing, nullcontext

import kubeagentix as kx
from kubeagentix import options, sync
from kubeagentix.cli import output
from kubeagentix.cli.progress import progress
from kubeagentix.contracts import CommandPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.exporters.json import SCHEMA_VERSION, finding_fields, hypothesis_fields, safe
from kubeagentix.quickdx.watching import Update
from kubeagentix.report.text import clean_line

MAX_LINE_CHARS = 400
Show = Callable[[Update], None]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "target",
        nargs="*",
        metavar="KIND/NAME",
        help="what to watch, as deploy/web or deploy web; default: everything",
    )
    options.add_place_options(parser)
    options.add_lint_options(parser)
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="json: one object a line (default: table)"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours, as with NO_COLOR in the environment")


def run(arguments: argparse.Namespace) -> int:
    """Watches until it is interrupted, and then says what it saw."""
    options.check(arguments)
    tally = _Tally()
    try:
        with options.opened_live(arguments) as source:
            sync.run(_watch(arguments, source, tally))
    except KeyboardInterrupt:
        print(tally, file=sys.stderr)
        raise
    return 0


class _Tally:
    """What was seen, for the last line."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        self._new = self._gone = 0
        self._left: int | None = None

    def count(self, update: Update) -> None:
        self._new += len(update.difference.new)
        self._gone += len(update.difference.gone)
        self._left = len(update.diagnosis.findings)

    def __str__(self) -> str:
        if self._left is None:
            return "interrupted before anything was read"
        seconds = time.monotonic() - self._began_at
        lasted = f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
        return f"watched for {lasted}: {self._new} new, {self._gone} gone, {self._left} findings now"


async def _watch(arguments: argparse.Namespace, source: kx.Cluster | kx.Demo | None, tally: _Tally) -> None:
    with progress() as listen:
        updates = kx.watch(
            options.target_of(arguments),
            namespace=arguments.namespace,
            all_namespaces=arguments.all_namespaces,
            cluster=source,
            include_lint=arguments.include_lint,
            ignore=options.ignore_rules(arguments),
            include_ignored=arguments.no_ignore,
            listen=listen,
        )
        first = await anext(updates)
    with _shown(arguments) as show:
        tally.count(first)
        show(first)
        async with aclosing(updates):
            async for update in updates:
                tally.count(update)
                show(update)


def _shown(arguments: argparse.Namespace) -> AbstractContextManager[Show]:
    if arguments.format == "json":
        return nullcontext(_print_json)
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from kubeagentix.cli.live import live_table  # noqa: PLC0415  brings rich, which a pipe does not need

        return live_table(has_color=not arguments.no_color)
    return nullcontext(_Lines().show)


class _Lines:
    """`14:03:21 new critical Deployment shop/web: …`, a line each."""

    def __init__(self) -> None:
        self._gaps: set[object] = set()

    def show(self, update: Update) -> None:
        at = f"{update.diagnosis.finished_at.astimezone():%H:%M:%S}"
        lines = [f"{at} gone {_told(finding)}" for finding in update.difference.gone]
        lines += [f"{at} new {_told(finding)}" for finding in update.difference.new]
        gaps = dict.fromkeys(update.diagnosis.gaps)
        lines += [f"{at} unread {gap.what}: {gap.why}" for gap in gaps if gap not in self._gaps]
        self._gaps = set(gaps)
        output.write("".join(f"{clean_line(line, MAX_LINE_CHARS)}\n" for line in lines))


def _told(finding: Finding) -> str:
    return f"{finding.severity.value} {finding.ref}: {finding.title} ({finding.reason})"


def _print_json(update: Update) -> None:
    found, difference = update.diagnosis, update.difference
    fields = {
        "schema_version": SCHEMA_VERSION,
        "at": found.finished_at.isoformat(),
        "cluster": found.cluster,
        "new": [finding_fields(finding) for finding in difference.new],
        "gone": [finding.id for finding in difference.gone],
        "hypotheses": [hypothesis_fields(item) for item in found.hypotheses],
        "findings": len(found.findings),
        "gaps": [{"what": gap.what, "why": gap.why} for gap in found.gaps],
        "changes": update.changes,
    }
    output.write(f"{safe(json.dumps(fields, ensure_ascii=False))}\n", is_document=True)


plugin = CommandPlugin(
    id="watch", help="say what is broken, and what is new or gone, as it happens", configure=configure, run=run
)
