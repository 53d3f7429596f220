"""What an SDK takes from the process's environment on its own, and how a request is kept clear of it.

Measured: with an explicit key and base_url, the SDKs still send the headers and the organisation that environment
variables name. What a request is to carry is therefore always said in so many words, and the rest is taken out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any


def is_ambient(source: str, variables: Iterable[str]) -> bool:
    """Whether a credential comes from one of these variables; only then does the rest of the environment count."""
    return source in set(variables)


def custom_headers(environ: Mapping[str, str], variable: str) -> dict[str, str]:
    """The headers that a variable names, one `Name: value` a line, as the SDKs read it."""
    pairs = [line.partition(":") for line in environ.get(variable, "").split("\n") if ":" in line]
    return {name.strip(): value.strip() for name, _, value in pairs}


def explicit_headers(wanted: Mapping[str, str], variable: str, omit: Any, own: Mapping[str, str]) -> dict[str, Any]:
    """`default_headers` for an SDK that reads `variable` itself: what is wanted, and nothing that only it has.

    `own` are headers of the SDK which that variable could overwrite; they are put back.
    """
    standard = {name.lower(): value for name, value in own.items()}
    read_by_sdk = custom_headers(os.environ, variable)
    return {name: standard.get(name.lower(), omit) for name in read_by_sdk} | dict(wanted)
