"""What the checks are run in: an environment of one's own, and a scripted API server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.cluster.conftest import api, issue

__all__ = ("api", "issue")


@pytest.fixture(autouse=True)
def _no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)  # of podman, where the tests themselves run in one


@pytest.fixture
def closed() -> Callable[[Path], AbstractContextManager[None]]:
    """Makes a folder one that may not be entered, for as long as the block runs, also where the tests are root's."""

    @contextmanager
    def close(folder: Path) -> Iterator[None]:
        is_root = os.geteuid() == 0
        folder.chmod(0o700 if is_root else 0)
        if is_root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o700)

    return close
