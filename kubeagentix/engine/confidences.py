"""How sure somebody says to be: 0.8, "80 %", 80, "8/10" or "high"."""

from __future__ import annotations

import math
import re
from typing import Any

_PERCENT = re.compile(r"(?<![\w.])(\d{1,3}(?:[.,]\d{1,4})?) ?(?:%|percent\b)")
_RATIO = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,4})?) ?/ ?(10|100|5|1)\b")
_NUMBER = re.compile(r"(?<![\w.])(-?\d{1,9}(?:[.,]\d{1,9})?)(?![\w.])")
_LEVELS = (  # the more particular words first: "medium-high" is no "high"
    (re.compile(r"(?i)\b(?:very high|certain|definite(?:ly)?|confirmed|almost certain)\b"), 0.95),
    (re.compile(r"(?i)\b(?:medium|moderate)[- ](?:to[- ])?high\b"), 0.75),
    (re.compile(r"(?i)\bvery low\b|\bunlikely\b"), 0.15),
    (re.compile(r"(?i)\b(?:low[- ](?:to[- ])?(?:medium|moderate))\b"), 0.45),
    (re.compile(r"(?i)\bmedium\b|\bmoderate\b|\bmid\b"), 0.6),
    (re.compile(r"(?i)\bhigh\b|\blikely\b|\bstrong\b"), 0.85),
    (re.compile(r"(?i)\blow\b|\bpossible\b|\bweak\b"), 0.3),
)


def confidence_of(value: Any) -> float | None:
    """From 0 to 1; None where `value` does not say. A number above 2 is a percentage, and one just above 1 is 1."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_number(float(value)) if abs(value) < 1e300 else None
    text = str(value)[:200]
    stated = stated_confidence(text)
    if stated is not None:
        return stated
    number = _NUMBER.search(text)
    if number is not None:
        return _from_number(_float(number[1]))
    return _level(text)


def stated_confidence(text: str) -> float | None:
    """A confidence that stands in prose, where it has to be marked as one: `80 %`, `8/10`."""
    percent = _PERCENT.search(text)
    if percent is not None:
        return _clamped(_float(percent[1]) / 100)
    ratio = _RATIO.search(text)
    return _clamped(float(ratio[1]) / float(ratio[2])) if ratio else None


def _level(text: str) -> float | None:
    return next((value for words, value in _LEVELS if words.search(text)), None)


def _from_number(number: float) -> float | None:
    if math.isnan(number):
        return None
    return _clamped(number / 100 if number > 2 else number)


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _clamped(number: float) -> float:
    return round(min(1.0, max(0.0, number)), 4)
