"""`kubeagentix audit`: the log as it is, also where it is damaged, empty or off."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kubeagentix.audit import audit_log
from kubeagentix.cli.app import main


@pytest.fixture
def written() -> Path:
    log = audit_log("", os.environ)
    log.write("asked", tool="scale_workload", summary="scale Deployment shop/web from 1 to 3 replicas", cluster="prod")
    log.write("refused", tool="scale_workload", summary="scale\x1b[2J web", by="terminal", why="not today")
    assert log.path is not None
    return log.path


def test_decisions_are_listed_oldest_first_without_control_characters(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert " ".join(first.split()).endswith("asked scale Deployment shop/web from 1 to 3 replicas (prod)")
    assert second.endswith("refused scale web, by terminal: not today")


def test_json_has_every_field_and_last_limits_it(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--format", "json", "--last", "1"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert {"at", "decision", "tool", "by", "why", "pid"} <= {*entry}


def test_a_damaged_line_hides_no_other(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with written.open("a") as log:
        log.write('{"cut in the mid\n[1]\n')
    assert main(["audit"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [("damaged" in line) for line in lines] == [False, False, True, True]


def test_no_log_and_a_log_that_is_off_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit"]) == 0
    assert "nothing is written down in " in capsys.readouterr().out
    monkeypatch.setenv("KUBEAGENTIX_AUDIT_LOG", "off")
    assert main(["audit"]) == 2
    assert "audit_log is off" in capsys.readouterr().err
    assert main(["audit", "--last", "0"]) == 2
