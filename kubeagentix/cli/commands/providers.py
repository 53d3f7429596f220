"""`kubeagentix providers`: who could be asked here, as whom, and what is set but not used."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from kubeagentix import sync
from kubeagentix.cli import output
from kubeagentix.contracts import CommandPlugin


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--test", action="store_true", help="make a real minimal call to each that is configured")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how to show it (default: table)")


def run(arguments: argparse.Namespace) -> int:
    """Lists them; 1 if a call that was tried failed."""
    from kubeagentix import agent  # noqa: PLC0415  help needs no engine

    found = sync.run(agent.provider_statuses(test=arguments.test))
    if arguments.format == "json":
        output.write(json.dumps([asdict(item) for item in found], indent=2) + "\n", is_document=True)
    else:
        output.write(agent.status_table(found) + "\n")
    return 1 if any(item.trial is not None and not item.trial.is_ok for item in found) else 0


plugin = CommandPlugin(
    id="providers", help="say which models can be asked, with which credential", configure=configure, run=run
)
