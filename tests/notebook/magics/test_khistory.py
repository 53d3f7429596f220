"""`%khistory` in a real shell."""

from __future__ import annotations

from typing import Any

import pytest

import kubeagentix as kx


def test_what_was_diagnosed_is_listed_shown_and_found(shell: Any, broken: str) -> None:
    assert repr(shell.run_line_magic("khistory", "")) == "nothing is kept yet"
    dx = shell.run_cell_magic("kdx", f"--snapshot {broken}", "-A")
    assert [entry.id for entry in shell.run_line_magic("khistory", "list")] == [dx.id]
    assert shell.run_line_magic("khistory", "show") == dx
    assert [entry.id for entry in shell.run_line_magic("khistory", "search Deployment web")] == [dx.id]


@pytest.mark.parametrize("line", ["list c-1", "shw", "show a b"])
def test_a_mistake_is_one_line(shell: Any, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(kx.KubeAgentiXError, match="list, show ID, or search WORDS"):
        shell.run_line_magic("khistory", line)
