"""`%kdemo`: starts the demo cluster and makes it the one that is asked."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.contracts import MagicPlugin
from kubeagentix.errors import UsageError
from kubeagentix.notebook import session


@dataclass(frozen=True, slots=True)
class Card:
    """What a cell shows of a running demo: its namespaces, and where its kubeconfig is."""

    kubeconfig: str
    namespaces: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(
            (
                f"The demo cluster is running and is asked from now on: {_number(len(self.namespaces), 'namespace')}.",
                f"  {', '.join(self.namespaces)}",
                f"  for kubectl: KUBECONFIG={self.kubeconfig}",
                "  next: %kdx, or %kdx -n NAMESPACE; %kdemo --stop ends it",
            )
        )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help="run these only (default: all)")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--stop", action="store_true", help="end the running demo cluster")


def call(arguments: argparse.Namespace, _: dict[str, Any]) -> Card | session.Lines:
    """Lists, stops or starts."""
    if arguments.list + arguments.stop + bool(arguments.scenario) > 1:
        raise UsageError("--list, --stop and names of scenarios exclude each other", hint="give one of them")
    if arguments.list:
        scenarios = registry.scenarios().values()
        return session.Lines("\n".join(f"{item.id:<32} {item.namespace:<20} {item.title}" for item in scenarios))
    if arguments.stop:
        _stop()
        return session.Lines(f"The demo cluster has ended; {session.asked_now()} is asked from now on.")
    running = session.start_demo(*arguments.scenario)
    namespaces = {scenario.namespace for scenario in running.scenarios}
    return Card(running.kubeconfig, tuple(sorted(namespaces)))


def _stop() -> None:
    running = kx.current()
    if not isinstance(running, kx.Demo):
        raise UsageError("no demo cluster is current", hint="start one with %kdemo")
    running.close()


plugin = MagicPlugin(id="kdemo", help="Start a cluster of broken workloads.", configure=configure, call=call)
