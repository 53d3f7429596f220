"""The table that fault tests tell their rows to, and the watch over what they leave behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeagentix import sync
from tests.faults.table import Section

IS_WRITTEN = os.environ.get("FAULTS_TABLE") == "write"


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[Section]:
    """The module's section of docs/faults.md; its title is the first sentence of the module's docstring."""
    title = (request.module.__doc__ or "").partition("\n")[0].partition(": ")[0].rstrip(".")
    assert title, "a module of fault tests says in its docstring what breaks"
    section = Section(title=title, is_written=IS_WRITTEN)
    yield section
    section.close(is_whole=_ran_as_a_whole(request))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where this process and its children put their temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _loop_is_running() -> None:
    """The library's one loop, which lives as long as the process, is there before anything is counted."""
    sync.run(asyncio.sleep(0))


def _ran_as_a_whole(request: pytest.FixtureRequest) -> bool:
    """Whether every test of the module was run, and went well."""
    options = request.config.option
    is_part = options.keyword or options.markexpr or any("::" in argument for argument in request.config.args)
    return not is_part and not request.session.testsfailed
