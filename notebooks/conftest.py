"""In tests each notebook runs in nobody's home; those that ask Claude ask a stand-in, which must have been asked."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.notebooks.stage import Stage

_stages: dict[Path, Stage] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a notebook's kernel starts."""
    if item.path not in _stages:
        _stages[item.path] = Stage(item.path.name).__enter__()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """After its kernel has ended."""
    yield
    if nextitem is None or nextitem.path != item.path:
        stage = _stages.pop(item.path)
        try:
            stage.check()
        finally:
            stage.__exit__()
