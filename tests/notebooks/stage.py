"""Where a notebook runs in tests: in nobody's home, and beside a stand-in of Claude if it asks a model."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tests.notebooks.stand_in import LOGIN_TOKEN, OVERRIDE_TOKEN, StandIn, log_in
from tests.scrubbing import scrub

TOKEN_VARIABLE = "KX_NOTEBOOK_TOKEN"
USED = {  # the tokens that a notebook must have been seen with, in their order
    "03-claude-local-login.ipynb": [LOGIN_TOKEN],
    "04-claude-token-override.ipynb": [OVERRIDE_TOKEN, LOGIN_TOKEN],
}


class Stage:
    """The surroundings of one notebook: the environment of this process, as long as it is entered."""

    def __init__(self, name: str, *, has_login: bool | None = None) -> None:
        self.name = name
        self.has_login = name in USED if has_login is None else has_login
        self.stand_in = StandIn()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kx-")))
        scrub(patch)
        patch.delenv(TOKEN_VARIABLE, raising=False)
        patch.setenv("HOME", str(self.home))
        patch.setenv("XDG_STATE_HOME", str(self.home / "state"))
        patch.setenv("KUBEAGENTIX_RENDER", "static")
        if self.name in USED:
            self._stack.enter_context(self.stand_in)
            patch.setenv("ANTHROPIC_BASE_URL", self.stand_in.base_url)
            patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody there: nothing gets out
            patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        if self.has_login:
            log_in(self.home)
            if OVERRIDE_TOKEN in USED.get(self.name, ()):
                patch.setenv(TOKEN_VARIABLE, OVERRIDE_TOKEN)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raises AssertionError unless the model was asked by those, and only those, who should have asked it."""
        wanted = USED.get(self.name, []) if self.has_login else []
        assert self.stand_in.tokens == wanted, f"{self.name} asked as {self.stand_in.tokens}"
        if wanted:
            assert any("DATABASE_URL not set" in text for text in self.stand_in.results), "no tool ran"
        left = [path.name for path in self.home.rglob("*") if path.is_file() and _holds(path, OVERRIDE_TOKEN)]
        assert left == [], f"the token is left in {left}"


def _holds(path: Path, token: str) -> bool:
    return token.encode() in path.read_bytes()
