"""`kx.doctor()`, also inside of a running loop, as in a notebook."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.doctor.checkup import CHECKS
from kubeagentix.doctor.results import Checkup
from kubeagentix.errors import UsageError
from tests.cluster.conftest import FakeApi


def test_a_running_loop_is_no_hindrance(api: FakeApi, tmp_path: Path) -> None:
    async def cell() -> Checkup:
        return kx.doctor(kubeconfig=api.kubeconfig(tmp_path))

    found = asyncio.run(cell())
    assert {result.what for result in found.results if result.check == "Clusters"} == {"lab"}
    assert {name for name, _ in found.by_check()} >= {"Python", "kubectl", "Clusters", "Providers", "Variables"}
    assert len(found.frame()) == len(found.results)


def test_each_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_no_model_is_asked_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-dummy-00000000000000000000")
    before = sorted(tmp_path.rglob("*"))
    found = kx.doctor()
    assert "test" not in " ".join(result.seen for result in found.results if result.check == "Providers")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "given",
    [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"timeout_s": True},
        {"context": 3},
        {"kubeconfig": 3},
        {"context": "a", "all_contexts": True},
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        kx.doctor(**given)
