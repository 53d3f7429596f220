from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.cluster import kubeconfig
from kubeagentix.cluster.kubeconfig import list_contexts, resolve, resolve_each
from kubeagentix.errors import KubeconfigError
from tests.planted import TORN_AT_A_PASSWORD


def write(path: Path, *contexts: str, current: str = "", **extra: Any) -> Path:
    document: dict[str, Any] = {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}} for name in contexts],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}} for name in contexts],
        **extra,
    }
    if current:
        document["current-context"] = current
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_named_file_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path / "other", "other", current="other")))
    file = write(tmp_path / "mine", "mine", current="mine")
    assert [item.name for item in list_contexts(file)] == ["mine"]


def test_kubeconfig_paths_are_merged_and_the_first_to_set_a_thing_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "a", "shared", "first")
    second = write(tmp_path / "b", "shared", "second", current="second")
    third = write(tmp_path / "c", "third", current="third")
    document = yaml.safe_load(first.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://of-the-first:6443"
    first.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, (first, tmp_path / "missing", second, third))))
    contexts = {item.name: item for item in list_contexts()}
    assert list(contexts) == ["shared", "first", "second", "third"]
    assert contexts["shared"].server == "https://of-the-first:6443"
    assert [name for name, item in contexts.items() if item.is_current] == ["second"]
    assert resolve().context == "second"


def test_the_home_file_is_the_default(tmp_path: Path) -> None:
    write(tmp_path / ".kube" / "config", "home", current="home")
    assert resolve().server == "https://home:6443"


def test_the_namespace_of_a_context_is_its_default(tmp_path: Path) -> None:
    context = {"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "shop"}}
    file = write(tmp_path / "f", "lab", current="lab", contexts=[context])
    assert resolve(kubeconfig=file).namespace == "shop"
    assert list_contexts(file)[0].namespace == "shop"


def test_relative_paths_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    user = {"name": "lab", "user": {"client-certificate": "pki/dev.crt", "client-key": "/abs/dev.key"}}
    file = write(tmp_path / "deep" / "f", "lab", current="lab", users=[user])
    access = resolve(kubeconfig=file)
    assert access.user["client-certificate"] == str(tmp_path / "deep" / "pki" / "dev.crt")
    assert access.user["client-key"] == "/abs/dev.key"


def test_credentials_do_not_show_in_the_repr(tmp_path: Path) -> None:
    assert "token-of-lab" not in repr(resolve(kubeconfig=write(tmp_path / "f", "lab", current="lab")))


def test_an_unknown_context_is_told_with_the_nearest_names(tmp_path: Path) -> None:
    file = write(tmp_path / "f", "production", "staging", current="staging")
    with pytest.raises(KubeconfigError) as caught:
        resolve("prodution", file)
    assert "'prodution'" in str(caught.value)
    assert "did you mean production?" in str(caught.value)
    assert "contexts: production, staging" in str(caught.value)


def test_many_contexts_are_not_all_listed(tmp_path: Path) -> None:
    file = write(tmp_path / "f", *(f"cluster-{number:02}" for number in range(40)))
    with pytest.raises(KubeconfigError, match=r"and 32 more"):
        resolve("nothing-like-it", file)


def test_each_context_is_resolved_or_says_why_not(tmp_path: Path) -> None:
    contexts = [{"name": name, "context": {"cluster": name}} for name in ("a", "b")]
    clusters = [{"name": "a", "cluster": {"server": "https://a:6443"}}]
    current, each = resolve_each(write(tmp_path / "f", current="gone", contexts=contexts, clusters=clusters))
    assert (current, list(each)) == ("gone", ["a", "b"])
    assert not isinstance(each["a"], KubeconfigError)
    assert each["a"].server == "https://a:6443"
    assert "names the cluster 'b'" in str(each["b"])


def test_no_current_context_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"sets no current-context; choose one with --context .*; contexts: a, b"):
        resolve(kubeconfig=write(tmp_path / "f", "a", "b"))


def test_a_current_context_that_is_gone_says_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"'gone' \(the current-context of .*/f\)"):
        resolve(kubeconfig=write(tmp_path / "f", "a", current="gone"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1, 2", "is no YAML at line 1"),
        ("- just\n- a list\n", "holds a list"),
        ("contexts: {a: b}\n", "`contexts` of the kubeconfig .* is no list"),
        ("contexts: [{context: {}}]\n", "an entry in `contexts` without a name"),
        ("contexts: [{name: a, context: text}]\n", "an entry in `contexts` without a name or fields"),
        ("", "sets no current-context; choose one with --context .*; there are no contexts"),
    ],
)
def test_a_malformed_file_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "f"
    file.write_text(text)
    with pytest.raises(KubeconfigError, match=said) as caught:
        resolve(kubeconfig=file)
    assert "\n" not in str(caught.value)


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="is a folder, not a kubeconfig file"):
        resolve(kubeconfig=tmp_path)


def test_a_binary_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(KubeconfigError, match=r"cannot read the kubeconfig .*: no text file"):
        resolve(kubeconfig=file)


def test_a_folder_in_kubeconfig_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path))
    with pytest.raises(KubeconfigError, match=r"cannot read the kubeconfig .*: Is a directory"):
        resolve()


def test_a_named_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"there is no kubeconfig file .*/nope"):
        resolve(kubeconfig=tmp_path / "nope")


def test_no_file_at_all_names_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KubeconfigError, match=r"no kubeconfig: .*/\.kube/config, which does not exist"):
        resolve()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nope"))
    with pytest.raises(KubeconfigError, match=r"KUBECONFIG names .*/nope"):
        list_contexts()


@pytest.mark.parametrize(
    ("section", "entries", "said"),
    [
        ("clusters", [], "names the cluster 'lab', which .* does not hold"),
        ("users", [], "names the user 'lab', which .* does not hold"),
        ("clusters", [{"name": "lab", "cluster": {}}], "has no usable server: none set"),
        ("clusters", [{"name": "lab", "cluster": {"server": "host:6443"}}], "has no usable server: host:6443"),
    ],
)
def test_what_a_context_names_must_be_there(tmp_path: Path, section: str, entries: list[Any], said: str) -> None:
    file = write(tmp_path / "f", "lab", current="lab", **{section: entries})
    with pytest.raises(KubeconfigError, match=said):
        resolve(kubeconfig=file)


def test_inside_a_pod_its_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "namespace").write_text("shop")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT_FOLDER", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    access = resolve()
    assert (access.context, access.namespace, access.server) == ("in-cluster", "shop", "https://[fd00::1]:443")
    assert access.is_in_cluster
    assert [item.name for item in list_contexts()] == ["in-cluster"]
    with pytest.raises(KubeconfigError, match=r"there is no context 'prod'"):
        resolve("prod")


@pytest.mark.parametrize(
    "text", ["until: 2001-99-99", "a: !!int ''", "[" * 5000, f"port: {'9' * 5000}", "a: {}\n---\nb: {}"]
)
def test_whatever_yaml_makes_of_a_file_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeconfigError, match="is no YAML"):
        resolve(None, tmp_path / "config")


@pytest.mark.parametrize("server", ["https://[", "https://[::1", "https://host:port", "https://host:99999", "https://"])
def test_a_server_that_is_no_url_is_told_in_one_line(server: str, tmp_path: Path) -> None:
    clusters = [{"name": "lab", "cluster": {"server": server}}]
    with pytest.raises(KubeconfigError, match="has no usable server"):
        resolve(None, write(tmp_path / "config", "lab", current="lab", clusters=clusters))


@pytest.mark.parametrize("is_named", [True, False])
def test_a_folder_that_may_not_be_entered_is_told(is_named: bool, tmp_path: Path) -> None:
    file = write(tmp_path / ".kube" / "config", "home", current="home")
    resolve()  # so that all is loaded
    is_root = os.geteuid() == 0
    file.parent.chmod(0o700 if is_root else 0)
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(KubeconfigError, match=r"cannot read the kubeconfig .*: Permission denied"):
            resolve(kubeconfig=file if is_named else None)
    finally:
        if is_root:
            os.seteuid(0)
        file.parent.chmod(0o700)


def test_without_a_home_to_be_known_there_is_no_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(Path, "expanduser", unknown)
    with pytest.raises(KubeconfigError, match=r"no kubeconfig: ~/\.kube/config, which does not exist"):
        resolve()


@pytest.mark.parametrize("text", TORN_AT_A_PASSWORD)
def test_a_password_in_a_broken_file_is_not_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeconfigError, match=r"is no YAML at line [23], column") as caught:
        resolve(None, tmp_path / "config")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_password_in_a_server_that_is_none_is_not_told(tmp_path: Path) -> None:
    file = write(tmp_path / "f", "a", current="a")
    file.write_text(file.read_text().replace("https://a:6443", "https://me:hunter2-pw@a:99999"))
    with pytest.raises(KubeconfigError, match="has no usable server: https://…@a:99999") as caught:
        resolve(kubeconfig=file)
    assert "hunter2" not in str(caught.value)
