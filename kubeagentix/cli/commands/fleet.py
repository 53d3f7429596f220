"""`kubeagentix fleet`: Quick Dx of many clusters at once, and the same incident on many told once."""

from __future__ import annotations

import argparse
import os
import sys

import kubeagentix as kx
from kubeagentix import fleet_options
from kubeagentix.cli import output
from kubeagentix.cli.progress import progress
from kubeagentix.contracts import CommandPlugin
from kubeagentix.errors import ClusterError
from kubeagentix.fleet.asking import ClusterReported, FleetEvent
from kubeagentix.fleet.diagnosis import FleetDiagnosis
from kubeagentix.fleet.outline import outline
from kubeagentix.report.files import write_file


def run(arguments: argparse.Namespace) -> int:
    """Sweeps, shows the result, and judges it by `--fail-on`."""
    fleet_options.check_fleet(arguments)
    with progress("asking") as listen, fleet_options.executor_of(arguments) as executor:

        def hear(event: FleetEvent) -> None:
            if not isinstance(event, ClusterReported):
                listen(event)

        found = kx.fleet(**fleet_options.question(arguments), executor=executor, listen=hear)
    is_interrupted = any(report.code == "interrupted" for report in found.reports)
    _present(found, arguments)
    if is_interrupted:
        return 130
    if not found.read:  # it is shown, and is no success
        first = (*found.unread, *found.absent)[0]
        raise ClusterError(f"no cluster could be read, such as {first.name}: {first.why}", hint="so nothing is known")
    return 1 if fleet_options.is_bad(found, arguments) else 0


def _present(found: FleetDiagnosis, arguments: argparse.Namespace) -> None:
    """Shows it as the options say."""
    if arguments.output is not None:
        write_file(arguments.output, fleet_options.fleet_rendered(found, arguments))
    elif arguments.format == "table" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from kubeagentix.cli.table import show_rows  # noqa: PLC0415  brings rich, which a pipe does not need

        show_rows(lambda _: outline(found, is_verbose=arguments.verbose), has_color=not arguments.no_color)
    else:
        output.write(fleet_options.fleet_rendered(found, arguments), is_document=arguments.format != "table")


plugin = CommandPlugin(
    id="fleet",
    help="say what is broken in many clusters at once, the same incident once",
    configure=fleet_options.add_fleet_options,
    run=run,
)
