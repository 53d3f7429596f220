"""The variables of whoever runs the tests that no test may see."""

from __future__ import annotations

import os

import pytest

SCRUBBED_PREFIXES = ("KUBE", "ANTHROPIC", "CLAUDE", "OPENAI", "GEMINI", "GOOGLE_API", "JUPYTER")
KEPT = {"KUBEAGENTIX_TEST_KUBECONFIG", "KUBEAGENTIX_TEST_SHOTS"}


def scrub(patch: pytest.MonkeyPatch) -> None:
    """Takes them out of the environment."""
    for name in list(os.environ):
        if name.startswith(SCRUBBED_PREFIXES) and name not in KEPT:
            patch.delenv(name)
