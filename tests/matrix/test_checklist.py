"""The README's "Check your login": what works is shown as working, and what is broken says the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.matrix.conftest import Matrix
from tests.matrix.stage import CAUSE, CHECKLIST
from tests.matrix.table import LOGIN, REJECTED_LOGIN, THE_LOGIN, Place, Row

ONLY = {"ENABLE_CLAUDE_CODE_PROVIDER": "true"}
WORKS = Row(name="login_works", login=LOGIN, variables=ONLY)
REVOKED = Row(name="login_revoked", login=REJECTED_LOGIN, variables=ONLY)
GONE = Row(name="login_gone", variables=ONLY)
OFF = Row(name="switched_off", login=LOGIN, variables={"ENABLE_CLAUDE_CODE_PROVIDER": "false"})
ASKING = ("chat", "dx", "%%kchat", "%%kdx")
BROKEN = {
    REVOKED: "Claude Code is not logged in (the local login in ~/.claude): Failed to authenticate. "
    "API Error: 401 OAuth token revoked; local: run `claude`, then /login; token: run `claude setup-token`",
    GONE: "no token is set and Claude Code holds no login; local: run `claude`, then /login; token: run `claude",
    OFF: "ENABLE_CLAUDE_CODE_PROVIDER is false",
}

Steps = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def steps(matrix: Matrix) -> Any:
    """The steps of each login, gone through once for each place."""
    begun: dict[tuple[Place, Row], Future[Any]] = {}
    with ThreadPoolExecutor(2) as pool:

        def of(place: Place, row: Row) -> Steps:
            for each in (WORKS, *BROKEN):
                if (place, each) not in begun:
                    begun[place, each] = pool.submit(matrix.stage.run, place, each, CHECKLIST)
            return begun[place, row].result().cells  # type: ignore[no-any-return]

        yield of


def test_only_claude_code_is_there_where_only_it_is_enabled(steps: Any, place: Place) -> None:
    found = json.loads(steps(place, WORKS)["providers"]["said"])
    assert [item["id"] for item in found if item["is_configured"]] == ["claude_code", "rules"]
    (asked,) = (item for item in found if item["is_next"])
    assert (asked["id"], asked["source"]) == ("claude_code", THE_LOGIN)


def test_providers_test_passes(steps: Any, place: Place) -> None:
    for name in ("providers --test", "%kproviders"):
        step = steps(place, WORKS)[name]
        assert step["code"] == 0
        assert "test: claude-sonnet" in step["said"]


def test_labels_show_who_answered(steps: Any, place: Place) -> None:
    told = steps(place, WORKS)
    for name in ASKING:
        assert told[name]["code"] == 0
        assert CAUSE in " ".join(told[name]["said"].split())
        assert "claude_code / claude-sonnet" in told[name]["said"]
    for name in ("chat", "%%kchat"):
        assert f"credential from {THE_LOGIN}" in told[name]["said"]


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_login_says_the_same_everywhere(steps: Any, place: Place, broken: Row) -> None:
    told = steps(place, broken)
    for name in (*ASKING, "providers --test", "%kproviders"):
        assert BROKEN[broken] in told[name]["said"], name
    assert {told[name]["code"] for name in ("chat", "dx")} == {2}
    assert {told[name]["code"] for name in ("%%kchat", "%%kdx")} == {1}
    lines = [_error(told[name]["said"]) for name in ASKING]
    assert lines[0] != ""
    assert lines == [lines[0]] * len(ASKING)


def _error(said: str) -> str:
    """The line that tells the error."""
    return next((line for line in said.splitlines() if line.startswith("error: ")), "")
