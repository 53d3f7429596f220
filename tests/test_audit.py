"""The audit log: one whole line per decision, private, shared by processes, and never in the way silently."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubeagentix.audit import AuditLog, audit_log, entries
from kubeagentix.errors import ConfigurationError

WRITER = """
import sys
from pathlib import Path
from kubeagentix.audit import AuditLog
log = AuditLog(Path(sys.argv[1]))
for number in range(200):
    log.write("asked", run=sys.argv[2], call=str(number), summary="x" * 250)
"""


def test_the_file_and_its_folder_are_ones_own(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "state" / "audit.jsonl")
    log.write("asked", tool="t")
    assert log.path is not None
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700
    log.path.chmod(0o644)
    log.write("refused")
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_processes_that_write_at_once_break_no_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(found) == 600
    for number in range(3):
        calls = [entry["call"] for entry in found if entry["run"] == str(number)]
        assert calls == [str(call) for call in range(200)]


def test_what_cannot_be_written_is_an_error_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null"), Path("/proc/nothing/audit")):
        with pytest.raises(ConfigurationError, match="cannot write the audit log"):
            AuditLog(path).write("asked")


def test_a_line_holds_no_line_break_and_no_endless_text(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write("asked", why="a\nb\u2028" + "x" * 10_000, by="")
    (entry,) = entries(log)
    assert len(entry["why"]) <= 300
    assert "by" not in entry
    assert len((tmp_path / "audit.jsonl").read_text().splitlines()) == 1


def test_the_setting_names_it(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert audit_log("off", home).path is None
    audit_log("off", home).write("asked")
    assert audit_log("~/a", home).path == tmp_path / "a"
    assert audit_log("/x/y", home).path == Path("/x/y")
    assert audit_log("", {**home, "XDG_STATE_HOME": "/state"}).path == Path("/state/kubeagentix/audit.jsonl")
    assert audit_log("", {**home, "XDG_STATE_HOME": "rel"}).path == tmp_path / ".local/state/kubeagentix/audit.jsonl"
    with pytest.raises(ConfigurationError, match="whole path"):
        audit_log("rel/audit", home)


def test_without_a_home_to_be_known_nothing_can_be_written_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    log = audit_log("", {})
    with pytest.raises(ConfigurationError, match=r"cannot write the audit log /dev/null/"):
        log.write("asked")
