"""Masking without a run: for texts that stand alone, such as an error's. Equal values look like any others."""

from __future__ import annotations

from kubeagentix.recognition.spans import found_in, visible

PLACEHOLDER = "[MASKED]"


def masked(text: str) -> str:
    """`text` with `[MASKED]` where credentials stood."""
    shown = visible(text)
    found = found_in(shown)
    for start, end in reversed(found):
        shown = shown[:start] + PLACEHOLDER + shown[end:]
    return shown if found else text
