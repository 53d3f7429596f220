"""Every cell of the table: who answered, as whom, what reached the API, and what an error says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kubeagentix.claude_cli.tokens import KEY_VARIABLE, TOKEN_VARIABLES
from tests.matrix.conftest import Matrix
from tests.matrix.stage import CAUSE
from tests.matrix.table import (
    API_KEY,
    BEARER,
    MODES,
    ROWS,
    SECOND_KEY,
    SECRETS,
    SUBSCRIPTION,
    THE_LOGIN,
    WAYS,
    Mode,
    Place,
    Row,
    fingerprint,
)
from tests.servers.wire import Recorded

Cell = Mapping[str, Any]


@pytest.mark.parametrize("way", WAYS)
def test_a_cell_is_what_the_table_says(matrix: Matrix, place: Place, row: Row, way: str, mode: Mode) -> None:
    cell = f"{way}-{mode.name}"
    told = matrix.told(place, row).cells[cell]
    assert told.get("answered_by", "") == row.answered_by(mode), told
    if row.error is None:
        _is_claudes(told, row)
    elif row.answered_by(mode):
        _names_the_failure(told, row, mode)
    else:
        _is_the_error(told, row)
    assert told["state"] == row.state_after
    asked, others = by_the_cli(matrix.stage.asked(matrix.stage.claude, place, row, cell))
    assert {seen(request) for request in asked} == wanted(row), "what reached the API"
    assert bool(others) == bool(row.also_asked and row.answered_by(mode)), "who else asked it"
    if row.error is None:
        assert {request.heard.model for request in asked} == {told["model"]}
    beside = matrix.stage.asked(matrix.stage.second, place, row, cell)
    assert {fingerprint(request.token) for request in beside} == (
        {fingerprint(SECOND_KEY)} if row.answered_by(mode) == "openai" else set()
    )


def _is_claudes(told: Cell, row: Row) -> None:
    """The answer is Claude Code's own, at the first attempt."""
    (attempt,) = told["attempts"]
    assert (attempt["label"], attempt["provider"], attempt["error"]) == ("selected", "claude_code", "")
    assert attempt["credential_source"] == row.source
    assert attempt["model"] == told["model"]
    assert told["model"].startswith("claude-sonnet")
    assert told["says"] == CAUSE
    assert [code for code in told["notices"] if code.startswith("config")] == ([row.notice] if row.notice else [])


def _names_the_failure(told: Cell, row: Row, mode: Mode) -> None:
    """Somebody else answered, and what went before is told."""
    assert row.error is not None
    failed = told["attempts"][: 1 + len(row.also_asked)]
    assert [item["provider"] for item in failed] == ["claude_code", *row.also_asked]
    assert all(item["error"] for item in failed)
    first = failed[0]
    assert (first["label"], first["error"]) == ("selected", row.error.code)
    assert first["credential_source"] == row.source
    for words in row.error.says:
        assert words in first["message"]
    if "notes" in told:
        assert any(first["message"] in note for note in told["notes"]), "the report names it"
    rest = told["attempts"][len(failed) :]
    if mode.has_second:
        (second,) = rest
        assert (second["label"], second["provider"], second["error"]) == ("fallback", "openai", "")
        assert second["credential_source"] == "OPENAI_API_KEY"
        assert second["model"] == told["model"] != ""
        assert told["says"] == CAUSE
    else:
        assert rest == []
        assert "pricing" in told["says"]


def _is_the_error(told: Cell, row: Row) -> None:
    """What was raised, with what to do."""
    assert row.error is not None
    assert (told["raised"], told["code"]) == (row.error.raised, row.error.code)
    for words in row.error.says:
        assert words in told["message"]


def by_the_cli(requests: list[Recorded]) -> tuple[list[Recorded], list[Recorded]]:
    """The requests that Claude Code made, and the others."""
    agents = [request.headers["user-agent"].startswith("claude-cli/") for request in requests]
    made = [request for request, is_its in zip(requests, agents, strict=True) if is_its]
    return made, [request for request in requests if request not in made]


def seen(request: Recorded) -> tuple[str, str, bool]:
    """What a request carried: the header, the fingerprint of what is in it, and whether it came as a subscription's."""
    (header,) = {BEARER, API_KEY} & {*request.headers}
    return header, fingerprint(request.token), "oauth" in request.headers.get("anthropic-beta", "")


def wanted(row: Row) -> set[tuple[str, str, bool]]:
    """What the table wants to have been carried."""
    return {(row.sent.header, row.sent.fingerprint, row.sent.as_whose == SUBSCRIPTION)} if row.sent else set()


def test_chat_and_quick_dx_agree(matrix: Matrix, place: Place, row: Row, mode: Mode) -> None:
    chat, quick_dx = (matrix.told(place, row).cells[f"{way}-{mode.name}"] for way in WAYS)
    same = ("answered_by", "model", "attempts", "raised", "code", "message", "state")
    assert {name: chat.get(name) for name in same} == {name: quick_dx.get(name) for name in same}
    carried = [
        [seen(request) for request in matrix.stage.asked(matrix.stage.claude, place, row, f"{way}-{mode.name}")]
        for way in WAYS
    ]
    assert {*carried[0]} == {*carried[1]}


def test_no_secret_is_told_or_an_argument(matrix: Matrix, place: Place, row: Row) -> None:
    told = matrix.told(place, row)
    seen = " ".join([told.printed, *told.command])
    assert [secret for secret in (*SECRETS, SECOND_KEY) if secret[-20:] in seen] == []


def test_the_table_has_every_login_that_the_code_knows() -> None:
    reported = {row.source for row in ROWS}
    assert {*TOKEN_VARIABLES, KEY_VARIABLE, "the request", THE_LOGIN} <= reported
    assert [mode.name for mode in MODES] == ["one", "several", "pinned"]
