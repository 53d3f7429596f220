"""Manifests: one file of the workspace, whatever links lead out of it, and what it holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kubeagentix.cluster.manifests import objects_in
from kubeagentix.cluster.policy import Bounds, judge
from kubeagentix.errors import UsageError

DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {since: 2026-01-02}}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    (folder / "web.yaml").write_text(DEPLOYMENT)
    (tmp_path / "outside.yaml").write_text(DEPLOYMENT)
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "up").symlink_to(tmp_path)
    (folder / "round.yaml").symlink_to(folder / "round.yaml")
    os.mkfifo(folder / "pipe")
    return folder


def refusal(name: str, workspace: Path | None, verb: str = "apply") -> str:
    decision = judge([verb, "-f", name], Bounds(workspace=workspace))
    assert decision.verdict == "refuse"
    return f"{decision.why}; {decision.hint}"


def test_what_it_holds_is_named_and_read_once(workspace: Path) -> None:
    (workspace / "two.yaml").write_text(
        f"{DEPLOYMENT}---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n---\n"
    )
    command = judge("apply -f two.yaml", Bounds(workspace=workspace)).command
    assert command is not None
    assert command.manifest is not None
    assert [str(item) for item in command.manifest.objects] == ["Deployment/web", "Service/web"]
    items = json.loads(command.manifest.text)["items"]
    assert items[0]["metadata"]["labels"] == {"since": "2026-01-02"}
    assert command.arguments == ("apply", "--filename=two.yaml")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../outside.yaml", "leads out of the workspace"),
        ("link.yaml", "leads out of the workspace"),
        ("up/outside.yaml", "leads out of the workspace"),
        ("sub/../../outside.yaml", "leads out of the workspace"),
        ("/etc/passwd", "leads out of the workspace"),
        ("/dev/stdin", "leads out of the workspace"),
        ("https://evil.example/x.yaml", "is no file of the workspace"),
        ("HTTP://evil.example/x.yaml", "is no file of the workspace"),
        ("~/x.yaml", "is no file of the workspace"),
        ("-", "reads standard input"),
        ("missing.yaml", "there is no such file"),
        ("round.yaml", "there is no such file"),
        ("a\x7fb", "is not for kubectl"),
        ("sub", "is no file"),
        ("pipe", "is no file"),
        ("web.yaml,/etc/passwd", "one manifest at a time"),
        ("*.yaml", "there is no such file"),
    ],
)
def test_nothing_else_is_read(workspace: Path, name: str, why: str) -> None:
    assert why in refusal(name, workspace)


def test_without_a_workspace_there_are_no_manifests(workspace: Path) -> None:
    assert "has no workspace" in refusal("web.yaml", None)
    assert "one manifest at a time" in judge("apply -f web.yaml -f web.yaml", Bounds(workspace=workspace)).why
    assert judge("create", Bounds(workspace=workspace)).why == "no manifest is named"


@pytest.mark.parametrize("verb", ["apply", "create", "replace"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("kind: ClusterRoleBinding\nmetadata: {name: x}", "who may do what"),
        ("kind: Secret\nmetadata: {name: x}", "Secrets are neither shown nor changed"),
        ("kind: List\nitems: [{kind: List, items: [{kind: Secret, metadata: {name: x}}]}]", "Secrets are neither"),
        ("kind: Pod\nmetadata: {generateName: x}", "has no name"),
        ("kind: Pod\nmetadata: {name: 'x in namespace y'}", "is no object"),
        ("kind: Pod\nmetadata: {name: x, namespace: 'a\\nb'}", "is no name of a namespace"),
        ("just words", "no object"),
        ("", "holds 0 objects"),
        ("{", "is no manifest"),
        ("kind: Pod\nmetadata: {name: x}\nspec: .nan", "is no manifest"),
        ("kind: Pod\nmetadata: {name: x}\nspec: !!python/object:os.system {}", "is no manifest"),
        ("kind: Pod\nmetadata: &a {name: x, again: *a}", "is no manifest"),
        ("---\n".join(["kind: Pod\nmetadata: {name: x}\n"] * 21), "holds 21 objects"),
        ("# " + "x" * (1 << 20), "larger than"),
    ],
)
def test_what_no_approval_can_cover_is_refused(workspace: Path, verb: str, content: str, why: str) -> None:
    (workspace / "x.yaml").write_text(content)
    assert why in refusal("x.yaml", workspace, verb)


def test_what_stands_in_a_file_that_is_none_is_not_told(workspace: Path) -> None:
    (workspace / ".env").write_text("a: b\nPASSWORD=sentinel: {\n")
    assert refusal(".env", workspace) == ".env is no manifest: it is not YAML (line 3); "


def test_an_object_of_a_manifest_says_where_it_is(workspace: Path) -> None:
    (workspace / "x.yaml").write_text("kind: Pod\nmetadata: {name: x, namespace: kube-system}\n")
    command = judge("apply -f x.yaml", Bounds(workspace=workspace)).command
    assert command is not None
    assert [str(item) for item in command.changes] == ["Pod/x in namespace kube-system"]


def test_a_text_of_a_model_is_held_to_the_same_size() -> None:
    with pytest.raises(UsageError, match="larger than"):
        objects_in("kind: ConfigMap\nmetadata: {name: x}\ndata: {a: " + "x" * (128 << 10) + "}")


def test_a_few_lines_that_stand_for_terabytes_are_no_manifest(workspace: Path) -> None:
    bomb = "kind: Pod\nmetadata: {name: x}\na0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    (workspace / "x.yaml").write_text(bomb)
    assert "stands for more than" in refusal("x.yaml", workspace)


@pytest.mark.parametrize(
    "text",
    [
        "&a\nkind: List\nitems: [*a]\n",
        "kind: ConfigMap\nmetadata: {name: a}\ndata: {a: !!int ''}\n",
        "kind: ConfigMap\nmetadata: {name: !!bool maybe}\n",
    ],
)
def test_a_list_that_holds_itself_and_values_that_are_none_are_refused(text: str, workspace: Path) -> None:
    (workspace / "odd.yaml").write_text(text)
    assert "manifest" in refusal("odd.yaml", workspace)


def test_a_time_of_day_is_the_text_that_it_is_for_kubectl(workspace: Path) -> None:
    (workspace / "odd.yaml").write_text("kind: ConfigMap\nmetadata: {name: a}\ndata: {at: 12:30:45}\n")
    command = judge("apply -f odd.yaml", Bounds(workspace=workspace)).command
    assert command is not None
    assert command.manifest is not None
    assert json.loads(command.manifest.text)["data"] == {"at": "12:30:45"}
