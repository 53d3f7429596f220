"""The lab of the Claude Code CLI, for its provider."""

from __future__ import annotations

from tests.claude_cli.conftest import lab

__all__ = ["lab"]
