"""A demo cluster with its scenarios, started as a whole."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubeagentix import registry
from kubeagentix.demo.running import choose_scenarios, start_demo
from kubeagentix.errors import NotFoundError

from .conftest import kubectl_binary


def _kubectl(kubeconfig: Path, *arguments: str) -> str:
    command = [kubectl_binary(), "--kubeconfig", str(kubeconfig), *arguments]
    environment = {"HOME": str(kubeconfig.parent), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_scenarios_run_at_once_each_in_its_namespace(tmp_path: Path) -> None:
    async def look() -> str:
        demo = await start_demo()
        try:
            assert {scenario.id for scenario in demo.scenarios} == set(registry.scenarios())
            kubeconfig = demo.write_kubeconfig(tmp_path / "config")
            return await asyncio.to_thread(_kubectl, kubeconfig, "get", "ns", "-o", "name")
        finally:
            await demo.close()

    namespaces = {line.removeprefix("namespace/") for line in asyncio.run(look()).split()}
    assert {scenario.namespace for scenario in registry.scenarios().values()} <= namespaces


def test_the_kubeconfig_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("old")
    path.chmod(0o644)

    async def write() -> None:
        demo = await start_demo([])
        demo.write_kubeconfig(path)
        assert path.read_text() == demo.kubeconfig_text
        await demo.close()

    asyncio.run(write())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_clusters_clock_may_be_another(tmp_path: Path) -> None:
    async def dated() -> str:
        demo = await start_demo([], clock_ahead=timedelta(hours=-5))
        demo.store.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}})
        found = demo.store.get("ConfigMap", "default", "new")
        await demo.close()
        return str(found and found["metadata"]["creationTimestamp"])

    made_at = datetime.fromisoformat(asyncio.run(dated()))
    assert timedelta(hours=4.9) < datetime.now(UTC) - made_at < timedelta(hours=5.1)


def test_an_unknown_scenario_names_the_nearest() -> None:
    known = next(iter(registry.scenarios()))
    with pytest.raises(NotFoundError) as caught:
        choose_scenarios([known[:-1] + "x"])
    assert known in caught.value.hint
    with pytest.raises(NotFoundError) as nothing:
        choose_scenarios(["zzzzzzzz"])
    assert "demo --list" in nothing.value.hint


def test_scenarios_are_taken_once_and_in_order() -> None:
    first, second, *_ = registry.scenarios()
    assert [scenario.id for scenario in choose_scenarios([second, first, second])] == [second, first]


def test_a_rollout_completes_in_a_healthy_scenario(tmp_path: Path) -> None:
    healthy = [scenario for scenario in registry.scenarios().values() if scenario.is_healthy]

    async def roll() -> None:
        demo = await start_demo([scenario.id for scenario in healthy])
        try:
            deployment = next(
                obj
                for obj in demo.store.list("Deployment")
                if obj["metadata"]["namespace"] in {scenario.namespace for scenario in healthy}
            )
            where = ("-n", deployment["metadata"]["namespace"])
            target = f"deploy/{deployment['metadata']['name']}"
            kubeconfig = demo.write_kubeconfig(tmp_path / "config")
            for arguments in (
                ("rollout", "restart", target, *where),
                ("rollout", "status", target, *where, "--timeout=20s"),
                ("scale", target, "--replicas=4", *where),
                ("rollout", "status", target, *where, "--timeout=20s"),
            ):
                await asyncio.to_thread(_kubectl, kubeconfig, *arguments)
            scaled = await asyncio.to_thread(
                _kubectl, kubeconfig, "get", target, *where, "-o", "jsonpath={.status.readyReplicas}"
            )
            assert scaled == "4"
        finally:
            await demo.close()

    asyncio.run(roll())
