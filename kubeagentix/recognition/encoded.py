"""Texts in base64 that hold a credential: they are decoded, and looked through as any other text is.

The cost is bounded: what does not begin with readable characters is not decoded, and what is is a quarter shorter.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

Span = tuple[int, int]

LEAST_CHARS = 20
MAX_CHARS = 2_000_000
_NEWLINE = r"(?:\r?\n[ \t]*|\\r?\\?n)"  # also as JSON writes it
# How the base64 of readable ASCII begins: the bits that ASCII leaves empty are those of every first, second and third
# character of four. Hashes, ids and words do not look so, and are passed over without being decoded.
_FIRST_OF_FOUR = "[CI-Za-f]"
_OTHER_THREE = "[A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
# It begins with a character, as what looks behind first is tried at every place; what may be before that follows it.
_RUN = re.compile(
    rf"{_FIRST_OF_FOUR}(?:(?<![A-Za-z0-9+/_-]{_FIRST_OF_FOUR})|(?<=\\[nrt]{_FIRST_OF_FOUR}))"
    rf"(?={_OTHER_THREE}(?:{_FIRST_OF_FOUR}{_OTHER_THREE}){{2}})[A-Za-z0-9+/_-]{{19,}}={{0,2}}"
    rf"(?:{_NEWLINE}[A-Za-z0-9+/_-]{{20,}}={{0,2}})*(?:{_NEWLINE}[A-Za-z0-9+/_-]{{1,75}}={{1,2}})?",
    re.ASCII,
)
_FIRST = 24  # characters that are decoded to see whether it is text at all
_NOT_CODE = re.compile(r"\s+|\\n|\\r")
_READABLE = re.compile(rb"[\t\r\n\x20-\x7e]*\Z")


def spans(text: str, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    """Where base64 stands whose text `is_secret`."""
    if len(text) < LEAST_CHARS:
        return
    for match in _RUN.finditer(text):
        decoded = decode(match[0])
        if decoded is not None and is_secret(decoded):
            yield match.span()


def decode(code: str) -> str | None:
    """The text that `code` is the base64 of, or None where it is of none."""
    first = _bytes(code[:_FIRST])
    if first is None or _READABLE.match(first) is None:
        return None
    whole = _bytes(_NOT_CODE.sub("", code[:MAX_CHARS]))
    if whole is None:
        return None
    try:
        return whole.decode()
    except UnicodeDecodeError:
        return None


def _bytes(code: str) -> bytes | None:
    code = code.rstrip("=").replace("-", "+").replace("_", "/")
    code = code[:-1] if len(code) % 4 == 1 else code
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
