"""What the checks are run in: an environment of one's own, and a scripted API server."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import api, issue

__all__ = ("api", "issue")


@pytest.fixture(autouse=True)
def _no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)  # of podman, where the tests themselves run in one
