"""The small things that the wires share: loading, seals, ids and arguments, headers, the pool."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kubeagentix import errors
from kubeagentix.wire import loading, pool
from kubeagentix.wire.ambient import custom_headers, explicit_headers
from kubeagentix.wire.parts import parsed_arguments, wire_id
from kubeagentix.wire.readiness import bare_url
from kubeagentix.wire.seals import opened, sealed


def test_a_package_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'kubeagentix\[claude\]'"):
        asyncio.run(loading.load("no_such_sdk", "claude"))
    loading.begin("no_such_sdk")  # says nothing: whoever loads it is told


def test_a_package_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: str) -> Any:
        raise ImportError("needs another pydantic")

    monkeypatch.setattr("kubeagentix.wire.loading._import", broken)
    with pytest.raises(errors.MissingExtraError, match="needs another pydantic"):
        asyncio.run(loading.load("wsgiref.simple_server", "claude"))


def test_importing_does_not_happen_on_the_event_loops_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[threading.Thread] = []
    monkeypatch.setattr("kubeagentix.wire.loading._import", lambda *_: seen.append(threading.current_thread()))
    asyncio.run(loading.load("wsgiref", "claude"))
    assert seen
    assert seen[0] is not threading.main_thread()


def test_a_package_that_is_being_imported_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "slow_sdk.py").write_text("import time\ntime.sleep(0.3)\nClient = 'whole'\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def client() -> str:
        loading.begin("slow_sdk")
        await asyncio.sleep(0.1)
        assert "slow_sdk" in sys.modules
        return str((await loading.load("slow_sdk", "claude")).Client)

    assert asyncio.run(client()) == "whole"


def test_only_its_owner_opens_a_seal() -> None:
    seal = sealed("claude/m-1", "thinking", {"a": 1})
    assert opened("claude/m-1", seal) == ("thinking", {"a": 1})
    for owner, text in (("claude/m-2", seal), ("openai", seal), ("claude/m-1", ""), ("claude/m-1", "[oops")):
        assert opened(owner, text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', ({"a": 1}, "")),
        ("", ({}, "")),
        (" ", ({}, "")),
        ('{"a": ', ({}, '{"a": ')),
        ("[1]", ({}, "[1]")),
        ("null", ({}, "null")),
    ],
)
def test_arguments_are_a_json_object_or_told_as_text(text: str, expected: Any) -> None:
    assert parsed_arguments(text) == expected


def test_an_id_is_made_fit_for_every_api() -> None:
    assert wire_id("toolu_1-a") == "toolu_1-a"
    assert wire_id("mcp:1/2 x") == "mcp_1_2_x"
    assert len(wire_id("x" * 99)) == 64


def test_headers_of_the_environment_are_taken_out_or_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDK_HEADERS", "X-A: 1\nAccept: text/plain\nX-B: 2")
    found = explicit_headers({"X-B": "3"}, "SDK_HEADERS", "OMIT", {"accept": "application/json"})
    assert found == {"X-A": "OMIT", "Accept": "application/json", "X-B": "3"}


def test_a_header_of_the_environment_is_a_line() -> None:
    assert custom_headers({"V": "X-A: 1\nnonsense\n X-B :2:3"}, "V") == {"X-A": "1", "X-B": "2:3"}
    assert custom_headers({}, "V") == {}


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert bare_url("https://me:hidden@host:8443/v1?key=hidden#x") == "https://host:8443/v1"


def test_one_pool_for_each_loop_closed_with_it() -> None:
    async def clients() -> tuple[Any, Any]:
        return await pool.shared(), await pool.shared()

    before = dict(pool._pools)  # of loops that live as long as the process
    first, same = asyncio.run(clients())
    other, _ = asyncio.run(clients())
    assert first is same
    assert first is not other
    assert first.is_closed
    assert other.is_closed
    assert pool._pools == before


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"a"', "[1]", "5"])
def test_arguments_that_are_no_object_are_kept_as_they_came(text: str) -> None:
    assert parsed_arguments(text) == ({}, text)
