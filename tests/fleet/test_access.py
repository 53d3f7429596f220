"""What goes with a task: one cluster's access, whole, and of others nothing."""

from __future__ import annotations

import base64
import json
import pickle
import stat
from pathlib import Path

import pytest
import yaml

from kubeagentix.cluster import kubeconfig
from kubeagentix.cluster.kubeconfig import Access, resolve
from kubeagentix.errors import KubeconfigError
from kubeagentix.fleet.access import hand_over

TOKEN, OTHER, ARGUMENT = "dummy-token-of-a", "dummy-token-of-b", "dummy-argument"


def config(tmp_path: Path, user: dict[str, object], cluster: dict[str, object] | None = None) -> Path:
    document = {
        "current-context": "a",
        "contexts": [
            {"name": "a", "context": {"cluster": "a", "user": "a", "namespace": "shop"}},
            {"name": "b", "context": {"cluster": "b", "user": "b"}},
        ],
        "clusters": [
            {"name": "a", "cluster": {"server": "https://a.example:6443", **(cluster or {})}},
            {"name": "b", "cluster": {"server": "https://b.example:6443"}},
        ],
        "users": [{"name": "a", "user": user}, {"name": "b", "user": {"token": OTHER}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document))
    return path


def arrived(path: Path) -> tuple[bytes, Access]:
    """A task's pickle of the access of context a, and what is made of it elsewhere."""
    data = pickle.dumps(hand_over(resolve("a", path)))
    return data, pickle.loads(data).access()


def test_the_own_token_goes_and_no_other(tmp_path: Path) -> None:
    data, access = arrived(config(tmp_path, {"token": TOKEN}))
    assert TOKEN.encode() in data
    assert OTHER.encode() not in data
    assert b"b.example" not in data
    assert (access.context, access.namespace, access.server) == ("a", "shop", "https://a.example:6443")
    assert access.user == {"token": TOKEN}
    assert not access.is_in_cluster


def test_it_shows_no_credential(tmp_path: Path) -> None:
    handed = hand_over(resolve("a", config(tmp_path, {"token": TOKEN})))
    assert repr(handed) == "HandedAccess(context='a', server='https://a.example:6443')"
    assert TOKEN not in f"{handed} {handed!r}"


def test_files_go_along_by_content(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"an authority")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    path = config(tmp_path, {"tokenFile": "token"}, {"certificate-authority": "ca.crt"})
    data, access = arrived(path)
    assert access.user == {"token": TOKEN}
    assert access.cluster["certificate-authority-data"] == base64.b64encode(b"an authority").decode()
    assert str(tmp_path).encode() not in data


def test_an_exec_plugin_is_run_at_home_and_stays_there(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": TOKEN}}
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./plugin",
        "args": [ARGUMENT],
        "env": [{"name": "X", "value": "dummy-environment"}],
        "interactiveMode": "IfAvailable",
    }
    data, access = arrived(config(tmp_path, {"exec": spec}))
    assert access.user == {"token": TOKEN}
    for kept in (ARGUMENT, "dummy-environment", "plugin"):
        assert kept.encode() not in data


def test_a_plugin_that_must_ask_somebody_is_not_run(tmp_path: Path) -> None:
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": "true", "interactiveMode": "Always"}
    with pytest.raises(KubeconfigError, match="must ask you something"):
        hand_over(resolve("a", config(tmp_path, {"exec": spec})))


def test_a_pods_own_account_goes_as_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("token", TOKEN), ("ca.crt", "an authority"), ("namespace", "monitoring")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT_FOLDER", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    access = pickle.loads(pickle.dumps(hand_over(resolve()))).access()
    assert (access.user, access.namespace) == ({"token": TOKEN}, "monitoring")
    assert not access.is_in_cluster  # the worker may be in a pod itself, whose account is another one


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"exec": "x"}, "exec plugin without a command"),
        ({"exec": {"command": "true", "args": 5}}, "what context 'a' holds cannot be used"),
        ({"client-certificate": "gone.crt"}, "does not exist"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, user: dict[str, object], message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        hand_over(resolve("a", config(tmp_path, user)))
