"""The lab, for the tests of the CLI's parts and of the provider alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claude_cli.running import Lab
from tests.servers.anthropic import AnthropicServer


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    home = tmp_path / "home"
    home.mkdir()
    with tempfile.TemporaryDirectory(prefix="kx-", dir="/tmp") as tmp, AnthropicServer() as server:
        monkeypatch.setattr(tempfile, "tempdir", tmp)  # short: a socket's path has 107 characters
        yield Lab(server=server, home=home, tmp=Path(tmp))
