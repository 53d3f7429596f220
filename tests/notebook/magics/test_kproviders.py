"""`%kproviders` in a real shell: the same list as on the command line."""

from __future__ import annotations

from typing import Any

import pytest


def test_providers_are_listed_with_what_they_would_use(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
    shown = repr(shell.run_line_magic("kproviders", ""))
    assert "* openai" in shown
    assert "uses OPENAI_API_KEY" in shown
    assert "dummy-key-of-this-test" not in shown


def test_one_can_be_tried_out(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    shown = repr(shell.run_line_magic("kproviders", "--test"))
    assert "test failed after" in shown
    assert "test: rules answered in" in shown
