"""What is told inside of a container only."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.doctor import container
from tests.doctor.seeing import only, seen


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of something that looks like a container, on whose names nobody is asked."""
    root = tmp_path / "root"
    (root / "run").mkdir(parents=True)
    (root / "run/.containerenv").touch()

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    return root


def test_outside_nothing_is_told(tmp_path: Path) -> None:
    assert seen(container.check, root=tmp_path / "plain") == ()


def test_the_variable_of_podman_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("container", "podman")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.88.0.1", 0))])
    assert only(seen(container.check, root=tmp_path / "plain"), "the host").state == "ok"


def test_ids_and_home_are_told(inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = only(seen(container.check, root=inside), f"user {os.getuid()}")
    assert (result.state, result.seen) == ("ok", f"the home {tmp_path} is writable")
    monkeypatch.setenv("HOME", str(tmp_path / "gone"))
    assert only(seen(container.check, root=inside), "user").state == "failed"
    monkeypatch.setenv("HOME", "/proc/self")  # which nobody can write, not even root
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert only(seen(container.check, root=inside), "user").code == "home"


def test_an_empty_folder_where_a_mount_was_meant_is_not_there(inside: Path, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    result = only(seen(container.check, root=inside), "~/.kube")
    assert (result.state, result.code) == ("not there", "empty_mount")
    (tmp_path / ".kube/config").touch()
    assert not [item for item in seen(container.check, root=inside) if "kube" in item.what]


def test_the_host_is_found_or_how_to_have_it_found_is_told(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = only(seen(container.check, root=inside), "the host")
    assert (result.state, "--add-host" in result.do) == ("not there", True)
    known = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("172.17.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_, **__: known)
    assert "host.docker.internal is 172.17.0.1" in only(seen(container.check, root=inside), "the host").seen


@pytest.mark.parametrize("text", ["{", "[1]x", '{"bridges": 3}', "", '{"bridges": [], "notes": [1]}'])
def test_a_broken_list_of_bridges_is_one_line(
    text: str, inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bridges.json").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert only(seen(container.check, root=inside), "bridges.json").state == "warning"


def test_bridges_are_told_and_what_went_wrong_as_it_started(
    inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = "host.docker.internal"
    bridges = [
        {"endpoint": "127.0.0.1:6443", "leads_to": f"{host}:6443", "listens": "127.0.0.1:6443", "answer": "cluster"},
        {"endpoint": "[::1]:7443", "leads_to": f"{host}:7443", "answer": "nothing", "why": "refused", "restarts": 2},
        {"endpoint": "127.0.0.1:443", "leads_to": f"{host}:443", "listens": "127.0.0.1:8443", "answer": ""},
        {"endpoint": "127.0.0.1:9", "answer": "cluster"},
    ]
    notes = [
        {
            "text": "bridge: [::1]:7443 (context b) leads to nothing",
            "hint": "add -f compose.host.yaml",
            "is_problem": True,
        },
        {"text": "context eks needs aws, which is not in the image", "hint": "use a token", "is_problem": True},
        {"text": "127.0.0.1:6443 is bridged", "hint": "", "is_problem": False},
    ]
    (tmp_path / "bridges.json").write_text(json.dumps({"version": 1, "bridges": bridges, "notes": notes}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    found = seen(container.check, root=inside)
    assert only(found, "bridge 127.0.0.1:6443").state == "ok"
    dead = only(found, "bridge [::1]:7443")
    assert (dead.state, dead.do) == ("failed", "add -f compose.host.yaml")
    assert dead.seen.endswith("restarted 2 times, where no cluster answers: refused")
    assert only(found, "bridge 127.0.0.1:443").state == "warning"
    assert "listens on 127.0.0.1:8443" in only(found, "bridge 127.0.0.1:443").seen
    assert only(found, "bridge 127.0.0.1:9").seen == "is reached without a bridge"
    assert (only(found, "as it started").do, len(found)) == ("use a token", 7)


def test_a_dead_bridge_of_another_context_is_no_failure(
    inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters = "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]"
    contexts = "contexts: [{name: a, context: {cluster: a}}, {name: b, context: {cluster: a}}]"
    (tmp_path / "kubeconfig").write_text(f"current-context: a\n{contexts}\n{clusters}\n")
    bridges = [{"endpoint": f"127.0.0.1:{n}", "contexts": [name], "answer": "closed"} for n, name in enumerate("ab")]
    (tmp_path / "bridges.json").write_text(json.dumps({"bridges": bridges, "notes": []}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    found = seen(container.check, root=inside)
    assert [only(found, f"bridge 127.0.0.1:{n}").state for n in range(2)] == ["failed", "warning"]
    asked = seen(container.check, root=inside, all_contexts=True)
    assert only(asked, "bridge 127.0.0.1:1").state == "failed"
