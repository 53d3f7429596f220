"""The table of names and what stands for them, and a text in either direction.

A placeholder is `deploy-k7`: a short word for the kind and a number, which is a valid DNS label, so that a command in
which it stands stays a command. A text is taken apart into runs of words (`banking/ledger-db-0:5432`), and the longest
known name at a word's beginning is replaced; that takes time linear in the text, however many names there are. Text
that reads like a placeholder and is none gets one itself, so that restoring gives exactly what was hidden.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from kubeagentix.anonymizing.vocabulary import KEPT, is_ordinary, stands_as_name

TYPES = (
    *("ns", "node", "deploy", "sts", "ds", "rs", "cronjob", "job", "svc", "ing", "pod", "cm", "secret", "sa", "pvc"),
    *(
        "pv",
        "sc",
        "role",
        "binding",
        "hpa",
        "pdb",
        "netpol",
        "webhook",
        "container",
        "label",
        "user",
        "cluster",
        "host",
    ),
    *("domain", "image", "tag", "volume", "name"),
)
DOMAIN_END = ".example"  # of a domain's placeholder, so that it reads as one. Source: RFC 2606
MAX_CHARS = 253  # of a name. Source: kubernetes.io/docs/concepts/overview/working-with-objects/names
MAX_WORDS = 24  # of a name; longer ones are no names

_SHAPE = re.compile(rf"(?i:(?:{'|'.join(TYPES)})-k[0-9]+)|(?:{'|'.join(TYPES).upper()})_K[0-9]+")
_WORD = re.compile(r"[^\W_]+")
_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d)")
_RUN = r"[^\W_]+(?:[-._:/@]+[^\W_]+)*"
_PIECES = re.compile(rf"{_V6.pattern}|{_RUN}(?:::)?")
_NAME = re.compile(rf"{_RUN}\Z")
_OCTET = re.compile(r"(?:0|[1-9][0-9]{0,2})\Z")
_ID = re.compile(r"[ef]-[0-9a-f]{10}\Z")  # of evidence or a finding
# Addresses that mean the same everywhere: loopback, any, broadcast and netmasks, the clouds' metadata service.
_KEPT_ADDRESS = re.compile(r"127\.|0\.0\.0\.0\Z|255\.|169\.254\.169\.254\Z")
_KEPT_V6 = ("::", "::1")
# Networks whose addresses stand for others: made for benchmarks, then reserved. Source: RFC 2544, RFC 1112
_NETWORKS = (*(f"198.{half}.{third}" for half in (18, 19) for third in range(256)),)
_STANDING = r"(?:198\.1[89]|2[4-5][0-9]\.[0-9]{1,3})(?:\.[0-9]{1,3}){2}"
V6_PREFIX = "2001:db8::"  # Source: RFC 3849

# What may be a placeholder, in a text that a model wrote.
STANDING = re.compile(
    rf"(?<![^\W_])(?:(?i:domain-k[0-9]+)(?:\{DOMAIN_END})?|{_SHAPE.pattern}|{_STANDING})(?![^\W_])"
    rf"|(?<![\w:.]){V6_PREFIX}[0-9a-f]+(?![\w:]|\.\d)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a name: hidden by itself if it has a type, else left as it is (a hash, a dot)."""

    text: str
    type: str = ""


class Placeholders:
    """Known names in the order in which they were learnt, and their placeholders as far as they were needed."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.common: frozenset[str] = frozenset()
        self._known: dict[str, tuple[Piece, ...]] = {}
        self._lengths: dict[str, list[int]] = {}  # how many words the names have that begin with a word, most first
        self._given: dict[str, str] = {}
        self._meant: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self._networks: dict[str, str] = {}
        for name in KEPT:
            self.keep(name)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def add(self, name: str, *pieces: Piece) -> None:
        """Makes a name known, made of these pieces; the first word on a name counts."""
        if name in self._known or len(name) > MAX_CHARS or not _NAME.match(name):
            return
        words = _WORD.findall(name)
        if len(words) > MAX_WORDS or (len(words) == 4 and _is_address(name)):
            return
        self._known[name] = pieces
        self.names.append(name)
        lengths = self._lengths.setdefault(words[0], [])
        if len(words) not in lengths:
            lengths.append(len(words))
            lengths.sort(reverse=True)

    def keep(self, name: str) -> None:
        """Leaves a name as it is, wherever it stands."""
        self.add(name, Piece(name))

    def piece_of(self, name: str) -> tuple[Piece, ...] | None:
        """What a known name is made of."""
        return self._known.get(name)

    def stays(self, name: str) -> bool:
        """Whether a known name is left as it is."""
        return not any(piece.type for piece in self._known.get(name, ()))

    def treat_as_common(self, words: Iterable[str]) -> None:
        """Of names that are such words only what stands as a name is hidden."""
        self.common |= {*words}

    # Hiding

    def hide(self, text: str) -> str:
        """`text` with placeholders where known names and addresses stood."""
        return _PIECES.sub(self._hidden, text)

    def _hidden(self, match: re.Match[str]) -> str:
        """One run of words, taken apart."""
        run = match[0]
        if run not in self._lengths and run.isalpha():  # a word, as nearly all are
            return run
        text, (start, end) = match.string, match.span()
        words = [item.span() for item in _WORD.finditer(text, start, end)]
        told, at, number, is_after_name = [], start, 0, False
        if text[start] == ":" and (hidden := self._hidden_v6(run)):
            return hidden
        while number < len(words):
            first = words[number][0]
            last, hidden = self._at(text, words, number, is_after_name=is_after_name)
            if hidden:
                told += [text[at:first], hidden]
                at = last
            is_after_name = bool(hidden)
            while number < len(words) and words[number][0] < last:
                number += 1
        return "".join(told) + text[at:end] if told else run

    def _at(self, text: str, words: list[tuple[int, int]], number: int, *, is_after_name: bool) -> tuple[int, str]:
        """Where what begins with this word ends, and what is to stand for it (nothing: it stays)."""
        start, end = words[number]
        left = len(words) - number
        if text[end : end + 1] == ":" and (found := _V6.match(text, start)) and (hidden := self._hidden_v6(found[0])):
            return found.end(), hidden
        if left >= 4 and _is_address(address := text[start : words[number + 3][1]]):
            return words[number + 3][1], self._standing_for(address)
        for count in self._lengths.get(text[start:end], ()):
            last = words[number + count - 1][1] if count <= left else start
            pieces = self._known.get(text[start:last])
            if pieces is not None and self._is_meant(text, start, last, is_after_name=is_after_name):
                return last, self._placeholder(text[start:last], pieces)
        if left >= 2:
            last = words[number + 1][1]
            if _ID.match(text[start:last]):
                return last, ""
            if _SHAPE.fullmatch(text, start, last):
                return last, self._give(text[start:last], "name")
        return end, ""

    def _is_meant(self, text: str, start: int, end: int, *, is_after_name: bool) -> bool:
        name = text[start:end]
        if not (is_ordinary(name) or name in self.common):
            return True
        return (is_after_name and text[start - 1] in "./") or stands_as_name(text, start, end)

    def _placeholder(self, name: str, pieces: tuple[Piece, ...]) -> str:
        hidden = "".join(self._give(piece.text, piece.type) if piece.type else piece.text for piece in pieces)
        return "" if hidden == name else hidden

    def _give(self, name: str, kind: str) -> str:
        if name not in self._given:
            mark = self._upper(name, kind) or self._next(kind)
            self._meant[mark.lower() if "-" in mark else mark] = name
            self._given[name] = mark + DOMAIN_END if kind == "domain" and "-" in mark else mark
        return self._given[name]

    def _next(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind}-k{self._numbers[kind]}"

    def _upper(self, name: str, kind: str) -> str:
        """For what variables are named after (`LEDGER_DB_SERVICE_HOST`), the same in that spelling."""
        if not name.isupper() or "-" in name:
            return ""
        twin = name.lower().replace("_", "-")
        pieces = self._known.get(twin, ())
        is_simple = len(pieces) == 1 and pieces[0].type not in ("", "domain")
        mark = self._give(twin, pieces[0].type) if is_simple else self._next(kind)
        return mark.upper().replace("-", "_")

    # Addresses

    def _standing_for(self, address: str) -> str:
        """The address that stands for this one, in a network of its own for each of /24; nothing for one that stays."""
        if _KEPT_ADDRESS.match(address):
            return ""
        if address not in self._given:
            network, _, host = address.rpartition(".")
            number = len(self._networks)
            free = _NETWORKS[number] if number < len(_NETWORKS) else _reserved(number - len(_NETWORKS))
            standing = f"{self._networks.setdefault(network, free)}.{host}"
            self._given[address], self._meant[standing] = standing, address
        return self._given[address]

    def _hidden_v6(self, address: str) -> str:
        if address in _KEPT_V6 or not _is_v6(address):
            return ""
        if address not in self._given:
            self._numbers[V6_PREFIX] += 1
            standing = f"{V6_PREFIX}{self._numbers[V6_PREFIX]:x}"
            self._given[address], self._meant[standing] = standing, address
        return self._given[address]

    # Restoring

    def restore(self, text: str) -> str:
        """`text` with the names back."""
        return STANDING.sub(self._restored, text)

    def _restored(self, match: re.Match[str]) -> str:
        mark = match[0]
        bare = mark.removesuffix(DOMAIN_END)
        return self._meant.get(bare.lower() if "-" in bare else bare, mark)


def _is_address(text: str) -> bool:
    octets = text.split(".")
    return len(octets) == 4 and all(_OCTET.match(octet) and int(octet) < 256 for octet in octets)


def _is_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _reserved(number: int) -> str:
    return f"{240 + (number >> 16) % 15}.{number >> 8 & 255}.{number & 255}"
