from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeagentix.claude_cli.config_repair import repair
from kubeagentix.errors import ClientError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / ".claude").mkdir()
    return tmp_path / ".claude.json"


def folder_of(state: Path) -> Path:
    return state.parent / ".claude"


def backup(state: Path, stamp: int, text: str, *, old_place: bool = False) -> Path:
    place = state.parent if old_place else folder_of(state) / "backups"
    place.mkdir(exist_ok=True)
    path = place / f".claude.json.backup.{stamp}"
    path.write_text(text)
    return path


@pytest.mark.parametrize("damage", [b'{"userID": "u", "pro', b"", b"\x00\xff\xfe"])
def test_the_newest_backup_that_can_be_read_takes_the_place(state: Path, damage: bytes) -> None:
    state.write_bytes(damage)
    backup(state, 1_790_000_000_003, '{"is": "brok')
    backup(state, 1_790_000_000_002, '{"is": "new"}')
    backup(state, 1_790_000_000_001, '{"is": "old"}')
    notice = repair(state, folder_of(state))
    assert notice is not None
    assert notice.code == "config_restored"
    assert json.loads(state.read_text()) == {"is": "new"}
    assert state.stat().st_mode & 0o777 == 0o600
    (aside,) = (folder_of(state) / "backups").glob("*.corrupted.*")
    assert aside.read_bytes() == damage
    assert str(aside) in notice.message


def test_a_backup_in_the_old_place_counts_by_its_date(state: Path) -> None:
    state.write_text("{")
    backup(state, 1_790_000_000_001, '{"is": "new place"}')
    backup(state, 1_790_000_000_002, '{"is": "old place"}', old_place=True)
    repair(state, folder_of(state))
    assert json.loads(state.read_text()) == {"is": "old place"}


def test_without_a_backup_the_file_is_only_set_aside(state: Path) -> None:
    state.write_text("{")
    backup(state, 1_790_000_000_001, "null")
    notice = repair(state, folder_of(state))
    assert notice is not None
    assert notice.code == "config_fresh"
    assert not state.exists()


@pytest.mark.parametrize("text", ["{}", "null", "[1, 2]", '{"a": 1}'])
def test_what_the_cli_can_read_is_left_alone(state: Path, text: str) -> None:
    state.write_text(text)
    backup(state, 1_790_000_000_001, '{"is": "old"}')
    assert repair(state, folder_of(state)) is None
    assert state.read_text() == text


def test_a_file_that_is_not_there_is_no_damage(state: Path) -> None:
    assert repair(state, folder_of(state)) is None


def test_what_cannot_be_put_right_is_an_error(state: Path) -> None:
    state.write_text("{")
    (folder_of(state) / "backups").write_text("a file where a folder is needed")
    with pytest.raises(ClientError) as raised:
        repair(state, folder_of(state))
    assert raised.value.detail == "config_corrupted"


def test_a_file_that_is_nested_too_deeply_is_damaged(state: Path) -> None:
    state.write_text('{"a":' * 5000)
    notice = repair(state, folder_of(state))
    assert notice is not None
    assert notice.code == "config_fresh"
