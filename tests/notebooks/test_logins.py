"""The notebooks that ask Claude, for a reader who cannot: one clear cell, no failure, and nobody asked.

With a login they run among all notebooks, beside a stand-in that must have been asked (`notebooks/conftest.py`).
"""

from __future__ import annotations

import pytest

from tests.notebooks.running import NOTEBOOKS, read, run, shown
from tests.notebooks.stage import USED, Stage
from tests.notebooks.stand_in import LOGIN_TOKEN, OVERRIDE_TOKEN

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # a kernel's sockets
SAYS = {
    "03-claude-local-login.ipynb": "claude_code cannot be asked: no token is set and Claude Code holds no login",
    "04-claude-token-override.ipynb": "No token: the cells that ask Claude are passed over.",
}


@pytest.mark.parametrize("name", SAYS)
def test_without_a_login_it_says_so_once_and_runs_to_its_end(name: str) -> None:
    with Stage(name, has_login=False) as stage:
        said = shown(run(read(NOTEBOOKS / name), NOTEBOOKS))
        stage.check()
    assert SAYS[name] in said
    assert said.count("claude setup-token") == (1 if name.startswith("03") else 2)
    assert "The demo cluster has ended; " in said
    assert stage.stand_in.requests == []


@pytest.mark.parametrize("name", USED)
def test_a_notebook_that_did_not_ask_is_found_out(name: str) -> None:
    with Stage(name) as stage, pytest.raises(AssertionError, match=r"asked as \[\]"):
        stage.check()


def test_a_token_that_is_left_in_a_file_is_found_out() -> None:
    with Stage("another.ipynb") as stage:
        stage.check()
        (stage.home / "notes.txt").write_text(f"it was {OVERRIDE_TOKEN}")
        with pytest.raises(AssertionError, match=r"notes\.txt"):
            stage.check()


def test_the_two_tokens_are_told_apart() -> None:
    assert USED["04-claude-token-override.ipynb"] == [OVERRIDE_TOKEN, LOGIN_TOKEN]
    assert OVERRIDE_TOKEN != LOGIN_TOKEN
