"""What holds for tests and tested notebooks alike: nobody's own history is touched, and an interrupt is heard."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest

_state = tempfile.TemporaryDirectory(prefix="kubeagentix-state-", ignore_cleanup_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Before any fixture, and for the kernels of notebooks, which have none."""
    os.environ["XDG_STATE_HOME"] = _state.name
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background; programs would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.add_cleanup(_state.cleanup)
