"""`kubeagentix snapshot save FILE` and `snapshot show FILE`: take an incident home, and see what is in it."""

from __future__ import annotations

import argparse
import shlex

import kubeagentix as kx
from kubeagentix import options
from kubeagentix.cli.output import write
from kubeagentix.cli.progress import progress
from kubeagentix.cli.taking import taken
from kubeagentix.contracts import CommandPlugin
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.recognition.masking import masked
from kubeagentix.report.files import check_writable
from kubeagentix.report.text import clean_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "action", choices=("save", "show"), metavar="save|show", help="write a new snapshot file, or say what one holds"
    )
    parser.add_argument("file", metavar="FILE", help="the snapshot file")
    options.add_place_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Saves or shows."""
    if arguments.action == "show":
        write("\n".join((*contents(kx.load(arguments.file)), "")))
        return 0
    options.check(arguments)
    check_writable(arguments.file)
    snapshot = _taken(arguments)
    kx.save(snapshot, arguments.file)
    size = sum(len(objects) for objects in snapshot.objects.values())
    write(f"{arguments.file}: {size} objects, {len(snapshot.logs)} logs, {len(snapshot.gaps)} gaps\n")
    write(f"diagnose it anywhere: kubeagentix dx --snapshot {shlex.quote(arguments.file)}\n")
    return 0


def _taken(arguments: argparse.Namespace) -> Snapshot:
    with progress() as listen, options.opened_live(arguments) as source:
        return taken(source, arguments, listen)


def contents(snapshot: Snapshot) -> list[str]:
    """What a snapshot holds, in lines: where and when it was taken, objects per kind, logs, gaps."""
    place = "all namespaces" if snapshot.namespace is None else f"namespace {snapshot.namespace}"
    counts = {kind: len(objects) for kind, objects in snapshot.objects.items() if objects}
    rows = [
        ("cluster", f"{snapshot.cluster or '-'} ({snapshot.server_version or 'unknown version'})"),
        ("scope", place),
        ("taken at", snapshot.taken_at.isoformat(timespec="seconds")),
        ("objects", str(sum(counts.values()))),
        *(("", f"{count} {kind}") for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        ("logs", f"{len(snapshot.logs)} containers, {sum(len(log.lines) for log in snapshot.logs)} lines"),
        *(("not seen", masked(f"{gap.what}: {gap.why}")) for gap in snapshot.gaps),
    ]
    return [f"{label:<10}{clean_line(text)}" for label, text in rows]


plugin = CommandPlugin(
    id="snapshot", help="save what a cluster looks like, to diagnose it elsewhere", configure=configure, run=run
)
