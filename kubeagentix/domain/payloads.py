"""What would be sent to a model, as a value: an HTTP request, or a program with all that it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

NOBODY = '{\n  "note": "Nothing would be sent: no language model would be asked."\n}'
HIDDEN = "(hidden)"
OWN = " What the program itself adds, and sends on, is not seen here."
NOTE = (
    "Nothing was sent. This is the first request of the run, exactly; those after it also hold what the model answers "
    "and what the tools that it asks for show."
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Payload:
    """One request as it stands before it leaves.

    `to` is an address with its method, or the path of a program. `headers` and `body` are of an HTTP request, the
    values of headers that may be secret hidden. `arguments`, `environ` (names only), `files` and `stdin` (line by line,
    JSON decoded) are what a program gets.
    """

    to: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    arguments: tuple[str, ...] = ()
    environ: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    stdin: tuple[Any, ...] = ()
    provider: str = ""
    model: str = ""
    credential_source: str = ""

    def of(self, *, provider: str, model: str, credential_source: str, secret: str) -> Payload:
        """The same, with who is asked, and without the secret wherever it may stand."""
        named = replace(self, provider=provider, model=model, credential_source=credential_source)
        if not secret:
            return named
        return Payload(**{item.name: _without(getattr(named, item.name), secret) for item in fields(named)})

    def __str__(self) -> str:
        note = NOTE + OWN if self.arguments else NOTE
        about = {"note": note, "provider": self.provider, "model": self.model, "credential": self.credential_source}
        rest = {key: value for key, value in asdict(self).items() if value and key not in (*about, "credential_source")}
        return json.dumps({**about, **rest}, indent=2, ensure_ascii=False)

    __repr__ = __str__


def _without(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(secret, HIDDEN)
    if isinstance(value, Mapping):
        return {key: _without(item, secret) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without(item, secret) for item in value)
    return value
