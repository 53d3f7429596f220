"""`kubeagentix snapshot`: saved from a cluster, shown, diagnosed with the same result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeagentix.cli.app import main


def test_show_says_what_is_in_it(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "show", broken]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["cluster   test (v1.34.0)", "scope     all namespaces", "taken at  2026-01-15T12:00:00+00:00"]
    assert lines[3:6] == ["objects   2", "          1 Deployment", "          1 Pod"]


def test_a_saved_demo_gives_the_same_hypotheses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "demo.snapshot")
    assert main(["snapshot", "save", file, "--demo", "image-tag-not-found"]) == 0
    assert f"kubeagentix dx --snapshot {file}" in capsys.readouterr().out
    assert main(["dx", "--snapshot", file, "--format", "json"]) == 0
    offline = json.loads(capsys.readouterr().out)["hypotheses"]
    assert main(["dx", "--demo=image-tag-not-found", "--format", "json"]) == 0
    assert [item["id"] for item in offline] == [
        item["id"] for item in json.loads(capsys.readouterr().out)["hypotheses"]
    ]
    assert offline


def test_one_namespace_is_saved_with_those_that_its_faults_lead_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "banking.snapshot")
    assert main(["snapshot", "save", file, "-n", "banking", "--demo", "database-disk-full"]) == 0
    capsys.readouterr()
    assert main(["dx", "-n", "banking", "--snapshot", file, "--format", "json"]) == 0
    root = json.loads(capsys.readouterr().out)["hypotheses"][0]["root"]
    assert root == {"kind": "StatefulSet", "namespace": "records", "name": "ledger-db"}


def test_a_file_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", "save", str(tmp_path / "gone" / "f"), "--demo"]) == 2
    assert "there is no folder" in capsys.readouterr().err
