"""Opaque signatures that only their maker reads: what a provider needs back unchanged, labelled with whose it is.

A conversation may change its provider or model on the way; what another one signed is left out rather than refused.
"""

from __future__ import annotations

import json
from typing import Any


def sealed(owner: str, kind: str, data: Any) -> str:
    """`data` (JSON) under the name of `owner`: a provider, or one and the model it asked."""
    return json.dumps([owner, kind, data], ensure_ascii=False, separators=(",", ":"))


def opened(owner: str, signature: str) -> tuple[str, Any] | None:
    """The kind and the data of what `owner` sealed; None for anything else."""
    if not signature.startswith("["):
        return None
    try:
        whose, kind, data = json.loads(signature)
    except (ValueError, RecursionError):
        return None
    return (kind, data) if whose == owner else None
