"""An open chat asks the cluster that its picker names, and says what became of a question that was sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.notebook.open_chat import OpenChat, chat_of
from tests.notebook.test_view import Screen

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: prod
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]
users: [{name: u, user: {}}]
contexts:
- {name: prod, context: {cluster: c, user: u}}
- {name: staging, context: {cluster: c, user: u}}
"""


@pytest.fixture
def _contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))


def shown(chat: OpenChat) -> Mapping[str, Any]:
    """What a browser that is loaded now would show."""
    return Screen(chat.opened()).state


def named(chat: OpenChat) -> tuple[str, list[str]]:
    """The title of the cluster that the picker names, and all that it offers."""
    state = shown(chat)
    titles = {item["id"]: item["title"] for item in state["contexts"]}
    return titles[state["context"]], [*titles.values()]


@pytest.mark.usefixtures("_contexts")
def test_the_picker_names_what_the_cells_have_changed(shell: Any) -> None:
    shell.run_cell("%kdemo crash-missing-variable")
    chat = chat_of(shell)
    assert named(chat) == ("demo cluster", ["demo cluster", "prod", "staging"])
    shell.run_cell("%kcontext staging")
    assert named(chat) == ("staging", ["demo cluster", "prod", "staging"])
    shell.run_cell("import kubeagentix as kx; demo = kx.demo('crash-missing-variable')")
    assert named(chat)[0] == "demo cluster"
    shell.run_cell("%kdemo --stop")
    assert named(chat) == ("staging", ["prod", "staging"])


@pytest.mark.usefixtures("_contexts")
def test_a_demo_that_has_ended_is_not_asked_where_the_chat_was_opened_on_it(shell: Any) -> None:
    shell.run_cell("%kchat --demo crash-missing-variable")
    chat = chat_of(shell)
    assert named(chat)[0] == "demo cluster"
    shell.run_cell("%kdemo --stop")
    assert named(chat) == ("prod", ["prod", "staging"])
    shell.run_cell("%kchat --context staging")
    assert named(chat)[0] == "staging"


@pytest.mark.usefixtures("_contexts")
def test_no_other_cluster_is_asked_than_the_one_that_is_named(shell: Any) -> None:
    chat = chat_of(shell)
    assert shown(chat)["context"] == "prod"
    kx.connect("staging")  # not by a cell
    chat.hear("ask", {"text": "why?", "ask": "q1", "context": "prod"})
    assert not chat.turns
    state = shown(chat)
    assert state["heard"] == ["q1", False]
    assert "not sent: the cluster has changed meanwhile, to staging" in state["hint"]
    assert state["context"] == "staging"
