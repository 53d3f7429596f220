"""What a Corefile has CoreDNS do, as far as it can keep names from being resolved; its text is not kept.

Source: https://coredns.io/manual/configuration/ and the pages of the plugins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubeagentix.domain.storage import Corefile, NameRefusal

MAX_CHARS = 64 << 10  # longer ones are no Corefiles
_REFUSALS = ("NXDOMAIN", "SERVFAIL", "REFUSED")


@dataclass(slots=True)
class _Directive:
    """One plugin in one server block, with the lines of its own block."""

    zones: tuple[str, ...]
    words: list[str]
    inner: list[list[str]] = field(default_factory=list)


def read_corefile(text: str) -> Corefile:
    """The facts of a Corefile."""
    found = list(_directives(text[:MAX_CHARS]))
    kubernetes = [item for item in found if item.words[0] == "kubernetes"]
    return Corefile(
        directives=tuple(dict.fromkeys(item.words[0] for item in found)),
        kubernetes_zones=tuple(dict.fromkeys(zone for item in kubernetes for zone in item.words[1:] or item.zones)),
        forwards=tuple(dict.fromkeys(to for item in found if item.words[0] == "forward" for to in item.words[2:])),
        refusals=tuple(refusal for item in found if (refusal := _refusal(item)) is not None),
        rewrites=dict(pair for item in found if (pair := _rewrite(item)) is not None),
    )


def _directives(text: str) -> Iterator[_Directive]:
    depth, zones = 0, tuple[str, ...]()
    current: _Directive | None = None
    for words in _lines(text):
        opens, closes = words[-1] == "{", words[0] == "}"
        rest = words[:-1] if opens else words
        if closes:
            depth -= 1
            if depth == 1 and current is not None:
                yield current
                current = None
        elif depth == 0:
            zones = tuple(word.rstrip(",").partition(":")[0] for word in rest)
        elif depth == 1 and rest:
            current = _Directive(zones, rest)
            if not opens:
                yield current
                current = None
        elif current is not None:
            current.inner.append(rest)
        depth += opens


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if words := re.sub(r"(?:^|\s)#.*", "", line).split():
            yield words


def _refusal(item: _Directive) -> NameRefusal | None:
    """What a `template` answers to without data of its own."""
    if item.words[0] != "template":
        return None
    code = next((line[1].upper() for line in item.inner if line[0] == "rcode" and len(line) > 1), "")
    if code not in _REFUSALS or any(line[0] == "answer" for line in item.inner):
        return None
    patterns = tuple(pattern for line in item.inner if line[0] == "match" for pattern in line[1:])
    return NameRefusal(zones=tuple(item.words[3:]) or item.zones, patterns=patterns, code=code)


def _rewrite(item: _Directive) -> tuple[str, str] | None:
    """(from, to) of a `rewrite name` of one name to another."""
    words = [word for word in item.words[1:] if word not in ("stop", "continue", "exact")]
    if item.words[0] != "rewrite" or len(words) < 3 or words[0] != "name":
        return None
    return words[1].rstrip("."), words[2].rstrip(".")
