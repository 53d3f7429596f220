"""`%kcontext` in a real shell: lists and switches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.errors import KubeconfigError

CONFIG = """
current-context: dev
contexts:
- {name: dev, context: {cluster: one, user: u, namespace: shop}}
- {name: prod, context: {cluster: two, user: u}}
clusters:
- {name: one, cluster: {server: 'http://127.0.0.1:1'}}
- {name: two, cluster: {server: 'http://127.0.0.1:2'}}
users: [{name: u, user: {}}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig with two contexts, where KUBECONFIG points."""
    path = tmp_path / "config"
    path.write_text(CONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def test_contexts_are_listed_and_the_current_one_is_marked(shell: Any, config: Path) -> None:
    assert repr(shell.run_line_magic("kcontext", "")).splitlines() == [
        "* dev: http://127.0.0.1:1, namespace shop",
        "  prod: http://127.0.0.1:2, namespace default",
    ]


def test_switching_changes_who_is_asked(shell: Any, config: Path) -> None:
    shell.run_line_magic("kcontext", "prod")
    asked = kx.current()
    assert isinstance(asked, kx.Cluster)
    assert asked.server == "http://127.0.0.1:2"
    assert "* prod" in repr(shell.run_line_magic("kcontext", ""))


def test_an_unknown_context_is_said(shell: Any, config: Path) -> None:
    with pytest.raises(KubeconfigError, match="prod"):
        shell.run_line_magic("kcontext", "prodd")
