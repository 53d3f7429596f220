"""`kubeagentix dx`: Quick Dx of a target, a namespace or a cluster."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import kubeagentix as kx
from kubeagentix import options, registry
from kubeagentix.cli.presenting import present
from kubeagentix.cli.progress import progress
from kubeagentix.cli.showing import show
from kubeagentix.contracts import CommandPlugin
from kubeagentix.errors import UsageError
from kubeagentix.report.files import check_writable, write_file

if TYPE_CHECKING:
    from kubeagentix.api import Source
    from kubeagentix.domain.events import Listener
    from kubeagentix.domain.snapshot import Snapshot


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    options.add_dx_options(parser)
    options.add_result_options(parser)
    options.add_fail_option(parser)
    parser.add_argument("--save-snapshot", metavar="FILE", help="also save the snapshot that it rests on")
    parser.add_argument("--metrics", metavar="FILE", help="also write metrics of the findings, for Prometheus")


def run(arguments: argparse.Namespace) -> int:
    """Diagnoses, shows the result, and judges it by `--fail-on`."""
    options.check(arguments)
    _check_files(arguments)
    if arguments.show_payload:
        return _show(arguments)
    with progress() as listen, options.opened(arguments) as source:
        begun, is_saved = datetime.now(UTC), arguments.save_snapshot is not None
        picture = _saved(source, arguments, listen) if is_saved else source
        diagnosis = kx.diagnose(**options.question(arguments, picture, listen))
    if is_saved:  # the snapshot was read for it, and that takes longer than to look at it
        diagnosis = replace(diagnosis, started_at=begun)
    present(diagnosis, arguments)
    if arguments.metrics is not None:  # last: they say that all went well
        write_file(arguments.metrics, registry.exporters()["prometheus"].export(diagnosis))
    return 1 if options.is_bad(diagnosis, arguments) else 0


def _check_files(arguments: argparse.Namespace) -> None:
    """Raises UsageError where a file could not be written, before any work is done for it."""
    if arguments.save_snapshot is not None and arguments.snapshot is not None:
        raise UsageError("--save-snapshot and --snapshot exclude each other", hint="that one is saved already")
    for path in (arguments.save_snapshot, arguments.metrics):
        if path is not None:
            check_writable(path)


def _saved(source: Source | None, arguments: argparse.Namespace, listen: Listener) -> Snapshot:
    from kubeagentix.cli.taking import taken  # noqa: PLC0415  only where one is saved

    picture = taken(source, arguments, listen)
    kx.save(picture, arguments.save_snapshot)
    return picture


def _show(arguments: argparse.Namespace) -> int:
    from kubeagentix import agent  # noqa: PLC0415  only where a model is asked

    with progress() as listen, options.opened(arguments) as source:
        show(agent.payload(**options.question(arguments, source, listen)))
    return 0


plugin = CommandPlugin(
    id="dx", help="say why a workload, a namespace or a cluster is broken", configure=configure, run=run
)
