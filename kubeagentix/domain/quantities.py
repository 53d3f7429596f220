"""Kubernetes quantities as numbers: `250m` CPU, `1Gi` bytes (apimachinery's resource.Quantity)."""

from __future__ import annotations

import re
from functools import lru_cache

from kubeagentix.domain.meta import Quantity

_SUFFIXES = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_FORM = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?$")


def parse_quantity(value: Quantity) -> float:
    """The number a quantity stands for, in its base unit (cores, bytes, pieces). Raises ValueError."""
    if not isinstance(value, str):
        return float(value)
    match = _FORM.match(value.strip())
    if match is None:
        raise ValueError(f"not a Kubernetes quantity: {value!r}")
    return float(match[1]) * _SUFFIXES[match[2] or ""]


@lru_cache(maxsize=4096)  # the same few are asked for by whole clusters
def quantity_or_zero(value: Quantity | None) -> float:
    """As parse_quantity, with 0 for what is absent or no quantity."""
    try:
        return parse_quantity(value) if value is not None else 0.0
    except ValueError:
        return 0.0


def format_bytes(value: float) -> str:
    """Bytes in the largest binary unit that leaves a readable number: `64Mi`, `1.5Gi`."""
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        if abs(value) >= _SUFFIXES[suffix]:
            return f"{value / _SUFFIXES[suffix]:.4g}{suffix}"
    return f"{value:.4g}"


def format_cpu(value: float) -> str:
    """Cores, in millicores under one: `250m`, `1.5`."""
    return f"{value * 1000:.4g}m" if abs(value) < 1 else f"{value:.4g}"
