"""A secret that does not slip out: not by printing, copying into a dict, pickling, or formatting an exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NoReturn

CredentialKind = Literal["api_key", "auth_token", "login"]


class Secret:
    """Text that only `reveal()` gives back. Equal to another of the same text; not to be pickled or copied."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the client that sends it and for nobody else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError("a Secret is not pickled")

    def __deepcopy__(self, _: Any) -> NoReturn:  # dataclasses.asdict copies what it does not know
        raise TypeError("a Secret is not copied; leave it out, or pass the Credential itself on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a provider shows to its API. `source` says where it is from, in words that are no secret.

    `login`: the provider's own client has it (a local login of Claude Code), and `secret` is empty.
    """

    kind: CredentialKind
    secret: Secret
    source: str
