"""No test, and no notebook that is tested, touches the history of whoever runs it."""

from __future__ import annotations

import os
import tempfile

import pytest

_state = tempfile.TemporaryDirectory(prefix="kubeagentix-state-", ignore_cleanup_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Before any fixture, and for the kernels of notebooks, which have none."""
    os.environ["XDG_STATE_HOME"] = _state.name
    config.add_cleanup(_state.cleanup)
