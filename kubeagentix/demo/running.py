"""A running demo cluster: the store, the scenarios in it, and the API server before them.

demo = await start_demo(["oom-killed"])
demo.write_kubeconfig(path)
...
await demo.close()
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kubeagentix import registry
from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.faults import Faults
from kubeagentix.demo.kit import populate
from kubeagentix.demo.server import DemoServer
from kubeagentix.demo.store import Store
from kubeagentix.errors import NotFoundError


class RunningDemo:
    """A demo cluster that is being served. Close it when done."""

    def __init__(self, server: DemoServer, scenarios: Sequence[ScenarioPlugin]) -> None:
        self.server = server
        self.scenarios = tuple(scenarios)

    @property
    def store(self) -> Store:
        """The cluster's objects."""
        return self.server.store

    @property
    def faults(self) -> Faults:
        """What goes wrong with the API server's answers; settable while it runs."""
        return self.server.faults

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return self.server.url

    @property
    def kubeconfig_text(self) -> str:
        """The administrator's kubeconfig, with the context `demo`."""
        return self.server.kubeconfig()

    def write_kubeconfig(self, path: str | Path) -> Path:
        """Write the administrator's kubeconfig, readable by this user only as it holds a token; returns the path."""
        file = Path(path)
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(self.kubeconfig_text, encoding="utf-8")
        return file

    async def close(self) -> None:
        """Stop serving."""
        await self.server.close()


async def start_demo(
    scenario_ids: Sequence[str] | None = None, *, port: int = 0, clock_ahead: timedelta = timedelta()
) -> RunningDemo:
    """A demo cluster with the named scenarios, or all of them. Raises NotFoundError for an unknown id.

    `port` 0 takes a free one; the cluster's clock is `clock_ahead` of this machine's. Raises OSError if the port is
    taken.
    """
    scenarios = choose_scenarios(scenario_ids)
    store = Store(now=lambda: datetime.now(UTC) + clock_ahead)
    populate(store, scenarios)
    server = DemoServer(store)
    await server.start(port=port)
    return RunningDemo(server, scenarios)


def choose_scenarios(scenario_ids: Sequence[str] | None = None) -> tuple[ScenarioPlugin, ...]:
    """The scenarios of these ids, or all. Raises NotFoundError that names the nearest ids."""
    known = registry.scenarios()
    if scenario_ids is None:
        return tuple(known.values())
    return tuple(_named(scenario_id) for scenario_id in dict.fromkeys(scenario_ids))


def _named(scenario_id: str) -> ScenarioPlugin:
    known = registry.scenarios()
    if scenario_id not in known:
        near = difflib.get_close_matches(scenario_id, known, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "`kubeagentix demo --list` shows the ids"
        raise NotFoundError(f"no demo scenario is called {scenario_id!r}", hint=hint)
    return known[scenario_id]
