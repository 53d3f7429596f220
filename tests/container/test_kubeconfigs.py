"""Kubeconfigs of a host: merged as kubectl merges them, whole in one file, and what cannot be used named in a line."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.cluster.kubeconfig import list_contexts, resolve
from kubeagentix.container.kubeconfigs import Merged, read_kubeconfigs
from kubeagentix.container.places import Homes, sources
from kubeagentix.container.plugins import missing_plugins
from kubeagentix.container.state import write_private
from tests.another_user import as_another

from .conftest import SECRET, Box, config, kubectl

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
FAR = {"server": "https://example.invalid:6443"}


def read(box: Box, **environ: str) -> Merged:
    """What is made of the files that this environment names."""
    homes = Homes.of({"HOME": str(box.home), **environ})
    return read_kubeconfigs(sources(environ, homes), homes)


def lines(merged: Merged) -> str:
    return "\n".join(note.line for note in (*merged.notes, *missing_plugins(merged)))


def written(box: Box, merged: Merged) -> Path:
    """As the file that the command gets."""
    box.private.mkdir(exist_ok=True)
    write_private(box.kubeconfig, yaml.safe_dump(merged.document(), sort_keys=False))
    return box.kubeconfig


def seen_by_kubectl(kubeconfig: Path | str) -> dict[str, Any]:
    """What kubectl makes of it, whole, but for its sorting."""
    shown = yaml.safe_load(kubectl(kubeconfig, "config", "view", "--raw", "--flatten"))
    entries = {key: {item["name"]: item for item in shown[key] or ()} for key in ("clusters", "contexts", "users")}
    return {**entries, "current-context": shown["current-context"]}


@pytest.fixture
def shared(box: Box) -> tuple[Path, Path]:
    """Two files that share names; each has files of its own, below its own folder."""
    one = config({"kind-a": {**FAR, "certificate-authority": "ca.crt"}, "both": {"server": "https://one.invalid"}})
    one["users"].append({"name": "files", "user": {"client-certificate": "pki/c.crt", "client-key": "pki/c.key"}})
    two = config({"both": {"server": "https://two.invalid", "tls-server-name": "two"}, "b": FAR}, user={"token": "two"})
    two["users"].append({"name": "token", "user": {"tokenFile": "token"}})
    two["users"].append({"name": "plugin", "user": {"exec": _exec("./bin/login")}})
    two["contexts"].append({"name": "b-admin", "context": {"cluster": "b", "user": "plugin", "namespace": "shop"}})
    two["clusters"][1]["cluster"]["extensions"] = [{"name": "x.io", "extension": {"last": "2024-01-01", "version": 3}}]
    first, second = box.write(one, "one/config"), box.write(two, "two/config")
    (first.parent / "pki").mkdir()
    for name in ("ca.crt", "pki/c.crt", "pki/c.key"):
        (first.parent / name).write_text(f"{PEM}# {name}\n")
    (second.parent / "token").write_text(SECRET)
    (second.parent / "bin").mkdir()
    (second.parent / "bin" / "login").write_text("#!/bin/sh\n")
    (second.parent / "bin" / "login").chmod(0o755)
    return first, second


def _exec(command: str, **fields: Any) -> dict[str, Any]:
    form = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable", "args": ["token"]}
    return {**form, "command": command, "provideClusterInfo": False, "env": [{"name": "A", "value": "b"}], **fields}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0,), (1,)])
def test_several_files_are_merged_as_kubectl_merges_them(
    box: Box, shared: tuple[Path, Path], order: tuple[int, ...]
) -> None:
    named = ":".join(str(shared[index]) for index in order) + ":/no/such/file"
    merged = read(box, KUBECONFIG=named)
    expected = seen_by_kubectl(named)
    if 1 in order:  # what kubectl resolves when it is used, but does not show
        expected["users"]["token"]["user"]["tokenFile"] = str(shared[1].parent / "token")
        expected["users"]["plugin"]["user"]["exec"]["command"] = str(shared[1].parent / "bin" / "login")
    assert seen_by_kubectl(written(box, merged)) == expected
    assert not [note for note in merged.notes if note.is_problem]


def test_the_result_is_one_for_this_library_too(box: Box, shared: tuple[Path, Path]) -> None:
    path = written(box, read(box, KUBECONFIG=f"{shared[0]}:{shared[1]}"))
    assert [context.name for context in list_contexts(path)] == ["kind-a", "both", "b", "b-admin"]
    assert resolve("both", path).server == "https://one.invalid"
    assert resolve("b-admin", path).namespace == "shop"
    assert resolve(None, path).context == "kind-a"


def test_the_first_file_that_sets_it_gives_the_current_context(box: Box) -> None:
    one = box.write({**config({"a": FAR}), "current-context": ""}, "one")
    two = box.write(config({"b": FAR}), "two")
    assert read(box, KUBECONFIG=f"{one}:{two}").current == "b"


def test_a_token_file_stays_a_file_as_its_token_is_renewed(box: Box, shared: tuple[Path, Path]) -> None:
    path = written(box, read(box, KUBECONFIG=str(shared[1])))
    assert str(shared[1].parent / "token") in path.read_text()
    assert SECRET not in path.read_text()


@pytest.mark.parametrize(
    ("home", "told"),
    [
        ("/home/me", "/home/me"),
        ("/Users/me", "/Users/me/"),
        ("C:\\Users\\me", "C:\\Users\\me"),
        ("C:\\Users\\me", "/c/Users/me"),
    ],
)
def test_absolute_paths_below_the_hosts_home_are_found_below_ours(box: Box, home: str, told: str) -> None:
    slash = "\\" if "\\" in home else "/"
    at = slash.join((home, ".kube", "pki", "ca.crt"))
    outside = slash.join((home, ".minikube", "ca.crt"))
    box.write(config({"in": {**FAR, "certificate-authority": at}, "out": {**FAR, "certificate-authority": outside}}))
    (box.home / ".kube" / "pki").mkdir()
    (box.home / ".kube" / "pki" / "ca.crt").write_text(PEM)
    merged = read(box, KUBEAGENTIX_HOST_HOME=told)
    assert base64.b64decode(merged.clusters["in"]["certificate-authority-data"]).decode() == PEM
    assert f"the certificate-authority of cluster 'out', {outside}, is not in the container" in lines(merged)
    assert "`kubectl config view --raw --flatten`" in lines(merged)
    assert kubectl(written(box, merged), "config", "get-contexts", "-o", "name").split() == ["in", "out"]


def test_what_the_hosts_kubeconfig_names_is_read_at_its_place_here(box: Box) -> None:
    box.write(config({"work": FAR}), "office/config")
    named = "/home/me/.kube/office/config:/etc/rancher/k3s/k3s.yaml:/home/me/.kube/gone"
    merged = read(box, KUBEAGENTIX_HOST_HOME="/home/me", KUBEAGENTIX_HOST_KUBECONFIG=named)
    assert list(merged.contexts) == ["work"]
    said = lines(merged)
    assert "/etc/rancher/k3s/k3s.yaml of the host's KUBECONFIG is not in the container; mount it at that path" in said
    assert "/home/me/.kube/gone of the host's KUBECONFIG does not exist" in said


def test_windows_separates_files_by_semicolons(box: Box) -> None:
    box.write(config({"one": FAR}), "one")
    box.write(config({"two": FAR}), "two")
    named = "C:\\Users\\me\\.kube\\one;C:\\Users\\me\\.kube\\two"
    merged = read(box, KUBEAGENTIX_HOST_HOME="C:\\Users\\me", KUBEAGENTIX_HOST_KUBECONFIG=named)
    assert list(merged.contexts) == ["one", "two"]


def test_no_kubeconfig_is_told_once(box: Box) -> None:
    shutil.rmtree(box.home / ".kube")
    merged = read(box)
    (note,) = merged.notes
    assert note.text == f"no kubeconfig: there is no {box.home}/.kube/config"
    assert note.hint == "the demo cluster needs none; for yours, mount the host's ~/.kube"


def test_an_empty_folder_that_docker_made_is_no_kubeconfig(box: Box) -> None:
    assert f"no kubeconfig: {box.home}/.kube is an empty folder, as Docker makes one" in lines(read(box))
    (box.home / ".kube" / "config").mkdir()
    merged = read(box)
    assert f"{box.home}/.kube/config is an empty folder, as Docker makes one" in lines(merged)
    assert not [note for note in merged.notes if note.is_problem]
    (box.home / ".kube" / "config" / "file").touch()
    assert "config is a folder; name a file in it" in lines(read(box))


def test_a_file_of_another_user_is_named_with_its_owner(box: Box) -> None:
    path = box.write(config({"dev": FAR}))
    with as_another(path):
        merged = read(box)
    assert f"{path} cannot be read by user" in lines(merged)
    assert f"belongs to user {os.getuid()} with mode" in lines(merged)
    assert "compose.yaml takes the ids of the owner" in lines(merged)


def test_a_folder_of_another_user_is_named_with_its_owner(box: Box) -> None:
    path = box.write(config({"dev": FAR}))
    with as_another(path.parent):
        merged = read(box)
    assert f"{path} cannot be read by user" in lines(merged)
    assert f"belongs to user {os.getuid()} with mode" in lines(merged)


def test_a_link_out_of_the_container_is_named_with_its_end(box: Box) -> None:
    (box.home / ".kube" / "config").symlink_to("/home/me/dotfiles/kubeconfig")
    said = lines(read(box))
    assert "is a link to /home/me/dotfiles/kubeconfig, which is not in the container" in said
    assert "mount what it leads to at the same path" in said


def test_a_link_to_what_is_below_the_home_is_followed(box: Box) -> None:
    (box.home / "dotfiles").mkdir()
    (box.home / "dotfiles" / "kubeconfig").write_text(yaml.safe_dump(config({"dev": FAR})))
    (box.home / ".kube" / "config").symlink_to("/home/me/dotfiles/kubeconfig")
    assert list(read(box, KUBEAGENTIX_HOST_HOME="/home/me").contexts) == ["dev"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clusters: [}\n", "no YAML at line 1"),
        ("- a\n- b\n", "it holds no fields"),
        ("kind: Pod\n", "it is a pod"),
        ("a: 1\n---\nb: 1\n", "it holds more than one document"),
        ("\x00\x01", "no YAML"),
    ],
)
def test_a_broken_file_is_named_and_the_others_go_on(box: Box, text: str, said: str) -> None:
    broken = box.home / ".kube" / "broken"
    broken.write_text(text)
    good = box.write(config({"dev": FAR}))
    merged = read(box, KUBECONFIG=f"{broken}:{good}")
    assert f"the kubeconfig {broken} is none: {said}" in lines(merged).replace("it is a Pod", "it is a pod")
    assert seen_by_kubectl(written(box, merged)) == seen_by_kubectl(good)


@pytest.mark.parametrize(
    ("section", "entry", "said"),
    [
        ("users", {"name": "odd", "user": {"token": {"not": "a text"}}}, "user 'odd' of"),
        ("users", {"name": "odd", "user": {"client-key-data": "no base64!"}}, "its client-key-data is not base64"),
        ("users", {"name": "odd", "user": {"exec": {"args": ["x"]}}}, "its exec has no command"),
        ("users", {"name": "odd", "user": {"exec": {"command": "a", "args": "x"}}}, "its exec.args is no list"),
        ("users", {"name": "odd", "user": {"exec": _exec("a", env=["A=b"])}}, "its exec.env has no fields"),
        ("users", {"name": "odd", "user": {"as-groups": [{"a": 1}]}}, "its as-groups is no text"),
        ("users", {"name": "odd", "user": {"as-user-extra": {"a": "b"}}}, "its as-user-extra is no list"),
        ("users", {"name": "odd", "user": {"auth-provider": {"config": [1]}}}, "its auth-provider has no fields"),
        ("users", {"name": "odd", "user": {"extensions": ["a"]}}, "its extensions has no fields"),
        ("users", {"name": "odd", "user": {"as-groups": "x"}}, "its as-groups is no list"),
        ("clusters", {"name": "odd", "cluster": {"insecure-skip-tls-verify": "yes"}}, "neither true nor false"),
        ("clusters", {"name": "odd", "cluster": ["https://a"]}, "its entry has no fields"),
        ("clusters", {"cluster": FAR}, "a cluster of"),
        ("contexts", "odd", "a context of"),
    ],
)
def test_an_entry_that_kubectl_would_refuse_all_for_is_left_out(box: Box, section: str, entry: Any, said: str) -> None:
    document: dict[str, Any] = config({"dev": FAR})
    good = seen_by_kubectl(box.write(document))
    document[section].append(entry)
    path = box.write(document)
    kubectl(path, "config", "view", fails=said not in ("its exec has no command", "a cluster of"))
    merged = read(box)
    assert said in lines(merged)
    assert "was left out" in lines(merged)
    assert seen_by_kubectl(written(box, merged)) == good


def test_numbers_where_kubectl_wants_texts_are_made_texts(box: Box) -> None:
    (box.home / ".kube" / "config").write_text(
        "current-context: 7\nclusters:\n- {name: 2024-01-01, cluster: {server: 'https://a.invalid'}}\n"
        "contexts:\n- {name: 7, context: {cluster: 2024-01-01, user: 1, namespace: 12}}\n"
        "users:\n- {name: 1, user: {token: 123456, as-groups: [7], auth-provider: {name: oidc, config: {a: 1}}}}\n"
    )
    seen = seen_by_kubectl(written(box, read(box)))
    assert seen["users"]["1"]["user"] == {
        "token": "123456",
        "as-groups": ["7"],
        "auth-provider": {"name": "oidc", "config": {"a": "1"}},
    }
    assert seen["contexts"]["7"]["context"] == {"cluster": "2024-01-01", "namespace": "12", "user": "1"}


def test_a_name_that_one_file_has_twice_is_told(box: Box) -> None:
    document: dict[str, Any] = config({"dev": FAR})
    document["clusters"].append({"name": "dev", "cluster": {"server": "https://second.invalid"}})
    path = box.write(document)
    kubectl(path, "config", "view", fails=True)
    merged = read(box)
    assert f"{path} names the cluster 'dev' twice: the first one is taken" in lines(merged)
    assert seen_by_kubectl(written(box, merged))["clusters"]["dev"]["cluster"] == FAR


def test_contexts_that_lead_nowhere_are_named_and_kept(box: Box) -> None:
    document: dict[str, Any] = config({"dev": FAR}, current="gone")
    document["contexts"] += [
        {"name": "alone", "context": {"user": "dev"}},
        {"name": "lost", "context": {"cluster": "nowhere", "user": "dev"}},
        {"name": "nobody", "context": {"cluster": "dev", "user": "nobody"}},
    ]
    box.write(document)
    merged = read(box)
    said = lines(merged)
    assert "context 'alone' names no cluster" in said
    assert "context 'lost' names the cluster 'nowhere', which is not there" in said
    assert "context 'nobody' names the user 'nobody', which is not there" in said
    assert "the current-context 'gone' is not there" in said
    assert len(merged.contexts) == 4


@pytest.mark.parametrize("plugin", ["aws", "gke-gcloud-auth-plugin", "kubelogin"])
def test_a_plugin_that_the_image_has_not_is_named_with_its_contexts(
    box: Box, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    box.write(config(dict.fromkeys("abcde", FAR), user={"exec": _exec(f"/usr/local/bin/{plugin}")}))
    merged = read(box)
    found = [note.line for note in missing_plugins(merged)]
    assert len(found) == 1
    assert f"the exec plugin '{plugin}' is not in this image; it is needed by a, b, c and 2 more" in found[0]
    assert "`kubectl create token`" in found[0]


def test_a_plugin_in_another_folder_than_the_hosts_is_found_by_its_name(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    (box.home / "kubelogin").write_text("#!/bin/sh\n")
    (box.home / "kubelogin").chmod(0o755)
    monkeypatch.setenv("PATH", str(box.home))
    box.write(config({"dev": FAR}, user={"exec": _exec("/opt/homebrew/bin/kubelogin")}))
    merged = read(box)
    assert merged.users["dev"]["exec"]["command"] == "kubelogin"
    assert not missing_plugins(merged)


def test_an_auth_provider_that_kubectl_has_no_longer_is_named(box: Box) -> None:
    box.write(config({"dev": FAR}, user={"auth-provider": {"name": "gcp"}}))
    assert "user 'dev' logs in by the auth provider 'gcp', which kubectl no longer has" in lines(read(box))


@pytest.mark.parametrize("user", [{"client-certificate": "c.crt"}, {"tokenFile": "/run/token"}])
def test_a_file_of_a_user_that_is_not_here_is_named(box: Box, user: Mapping[str, str]) -> None:
    box.write(config({"dev": FAR, "other": FAR}, user=user))
    merged = read(box)
    assert "of user 'dev', " in lines(merged)
    assert "is not in the container; mount it at that path" in lines(merged)
    assert len(merged.contexts) == 2


def test_a_pipe_is_not_waited_for(box: Box) -> None:
    os.mkfifo(box.home / ".kube" / "config")
    assert "is no regular file" in lines(read(box))


def test_data_goes_before_the_file_beside_it(box: Box) -> None:
    data = base64.b64encode(PEM.encode()).decode()
    both = {**FAR, "certificate-authority": "gone.crt", "certificate-authority-data": data}
    box.write(config({"dev": both}))
    merged = read(box)
    assert merged.clusters["dev"] == {**FAR, "certificate-authority-data": data}
    assert not [note for note in merged.notes if note.is_problem]


def test_a_home_of_nobody_does_not_keep_the_command_from_starting(box: Box) -> None:
    box.environ["KUBECONFIG"] = "~nobody99/x"
    assert box.run("echo", "ran") == "ran\n"
    assert "~nobody99/x" in box.lines
