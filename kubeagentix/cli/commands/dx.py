"""`kubeagentix dx`: Quick Dx of a target, a namespace or a cluster."""

from __future__ import annotations

import argparse

import kubeagentix as kx
from kubeagentix import options
from kubeagentix.cli.presenting import present
from kubeagentix.cli.progress import progress
from kubeagentix.cli.showing import show
from kubeagentix.contracts import CommandPlugin


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    options.add_dx_options(parser)
    options.add_result_options(parser)
    options.add_fail_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Diagnoses, shows the result, and judges it by `--fail-on`."""
    options.check(arguments)
    if arguments.show_payload:
        return _show(arguments)
    with progress() as listen, options.opened(arguments) as source:
        diagnosis = kx.diagnose(**options.question(arguments, source, listen))
    present(diagnosis, arguments)
    return 1 if options.is_bad(diagnosis, arguments) else 0


def _show(arguments: argparse.Namespace) -> int:
    from kubeagentix import agent  # noqa: PLC0415  only where a model is asked

    with progress() as listen, options.opened(arguments) as source:
        show(agent.payload(**options.question(arguments, source, listen)))
    return 0


plugin = CommandPlugin(
    id="dx", help="say why a workload, a namespace or a cluster is broken", configure=configure, run=run
)
