"""Credentials in what kubectl prints without the names they are set to: templates, `describe`, templates of revisions.

`-o jsonpath={…env[*].value}` prints a value alone, and nothing about it says that it is a password. So the same objects
are read as JSON as well, in which the name stands beside it, and what is masked there is masked in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubeagentix.cluster.kubectl_reading import base_types
from kubeagentix.cluster.policy import KubectlCommand
from kubeagentix.domain.resources import find_kind
from kubeagentix.recognition.spans import Span, visible
from kubeagentix.recognition.values import PLACEHOLDER
from kubeagentix.redaction import current_of_run
from kubeagentix.toolkit.pruning import masked

LEAST_CHARS = 4  # of a text that is looked for wherever it stands
_OWN_FLAGS = ("output", "show-events", "sort-by", "no-headers", "label-columns", "show-labels", "show-kind")
_VERBS: Mapping[str, str] = {"describe": "get", "get": "get", "rollout history": "rollout history"}


def is_parted(command: KubectlCommand) -> bool:
    """Whether a command prints values apart from their names."""
    name = command.verb.name
    if name == "rollout history":
        return any(flag == "revision" for flag, _ in command.flags) and not command.is_structured
    if name != "get" or command.is_structured:
        return name == "describe"
    return "=" in command.output or _is_of_custom_kinds(command.words)


def _is_of_custom_kinds(words: Sequence[str]) -> bool:
    """Whether a table may have columns that somebody else than Kubernetes chose. Categories are taken for its own."""
    named = words if words and "/" in words[0] else words[:1]
    return any(kind != "all" and find_kind(kind) is None for kind in base_types(named))


def as_json(command: KubectlCommand, *, of_all: bool = False) -> tuple[str, ...]:
    """The command that prints the same objects as JSON; `of_all`: all of their types, for describe takes beginnings."""
    words = command.words
    if of_all and words:
        words = (words[0].partition("/")[0],)
    flags = [f"--{name}={value}" for name, value in command.flags if name not in _OWN_FLAGS]
    return (*_VERBS[command.verb.name].split(), *words, *flags, "--output=json")


def without_credentials(text: str, objects: Any) -> str:
    """`text` with everything masked that is masked in the objects it was printed from. Outside of a run as it is."""
    redactor = current_of_run()
    if redactor is None:
        return text
    known = masked(objects)
    parts = {old: spans for old, new in _changed(known, redactor.value(known)) if (spans := _masked_spans(old, new))}
    if not parts:
        return text
    shown = visible(text)
    found = "|".join(re.escape(old) for old in sorted(parts, key=len, reverse=True))
    spans = [
        (match.start() + start, match.start() + end)
        for match in re.finditer(rf"(?<![A-Za-z0-9])(?:{found})(?![A-Za-z0-9])", shown)
        for start, end in parts[match[0]]
    ]
    return redactor.text(shown, also=spans)


def _masked_spans(old: str, new: str) -> list[Span]:
    """Where in `old` stands what is a placeholder in `new`; all of it, where that cannot be told."""
    kept = PLACEHOLDER.split(new)
    if len(kept) < 2:
        return []
    if not (old.startswith(kept[0]) and old.endswith(kept[-1])):
        return [(0, len(old))]
    found, at, last = [], len(kept[0]), len(old) - len(kept[-1])
    for between in kept[1:-1]:
        begin = old.find(between, at, last)
        if begin < 0:
            return [(0, len(old))]
        found.append((at, begin))
        at = begin + len(between)
    return [*found, (at, max(at, last))]


def _changed(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """(text, masked text) of everything that differs, line by line, as it is and as JSON writes it."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for before, after in zip(old.values(), new.values(), strict=False):
            yield from _changed(before, after)
    elif isinstance(old, list) and isinstance(new, list):
        for before, after in zip(old, new, strict=True):
            yield from _changed(before, after)
    elif isinstance(old, str) and isinstance(new, str) and old != new:
        plain = visible(old)
        yield from _lines(plain, new)
        yield from _lines(json.dumps(plain)[1:-1], json.dumps(new)[1:-1])


def _lines(old: str, new: str) -> Iterator[tuple[str, str]]:
    before, after = old.split("\n"), new.split("\n")
    pairs = zip(before, after, strict=True) if len(before) == len(after) else [(old, new)]
    yield from ((line, hidden) for line, hidden in pairs if line != hidden and len(line) >= LEAST_CHARS)
