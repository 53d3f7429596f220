"""Rules to ignore known findings: what one says, and how it is spelled in a file, an option, a call, an annotation.

A rule names what it is about (`reason`, `object`, `namespace`, `analyzer`, `labels`; all that are given must hold),
until when it counts, and why. Several patterns of one key are alternatives; `*` and `?` stand for any characters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.domain.resources import find_kind
from kubeagentix.errors import UsageError, excerpt

PATTERNS = ("reason", "object", "namespace", "analyzer")
KEYS = (*PATTERNS, "labels", "until", "why")
EXAMPLE = "reason=CrashLoopBackOff,object=Deployment/shop/web,until=2026-12-31"
# The same on an object: reasons or `*`, the last day, and why.
ANNOTATION = "kubeagentix.io/ignore"
UNTIL_ANNOTATION = "kubeagentix.io/ignore-until"
WHY_ANNOTATION = "kubeagentix.io/ignore-why"

_PATTERN = re.compile(r"[\w./*?\[\]!: -]+")
_PIECE = re.compile(r"\s*([A-Za-z_-]+)\s*=(?!=)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """One rule. `object` patterns are `KIND/NAMESPACE/NAME`, without the namespace for cluster-scoped kinds.

    `until` is the last day, in UTC, or a moment; None: for ever. `source` says where the rule stands.
    """

    reason: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    analyzer: tuple[str, ...] = ()
    labels: str = ""
    until: date | datetime | None = None
    why: str = ""
    source: str = ""

    def __str__(self) -> str:
        parts = [f"{key}={','.join(getattr(self, key))}" for key in PATTERNS if getattr(self, key)]
        return ", ".join([*parts, *([f"labels={self.labels}"] if self.labels else [])])

    def is_expired(self, now: datetime) -> bool:
        """Whether the rule's last day is over."""
        if self.until is None:
            return False
        if isinstance(self.until, datetime):
            return now >= self.until
        return now >= datetime.combine(self.until, time.min, UTC) + timedelta(days=1)


def rule_of(given: object, source: str) -> IgnoreRule:
    """The rule that a mapping of KEYS or a text such as EXAMPLE spells. Raises UsageError that names `source`."""
    if isinstance(given, IgnoreRule):
        return given
    if isinstance(given, str):
        given = _split(given, source)
    if not isinstance(given, Mapping):
        raise UsageError(f"{source} is {excerpt(repr(given), 60)}, no rule", hint=f"as in {EXAMPLE}")
    for key in given:
        _require_key(str(key), source)
    values = {key: _checked(key, value, f"{key} of {source}") for key, value in given.items()}
    if not set(values) & {*PATTERNS, "labels"}:
        raise UsageError(f"{source} would ignore everything", hint="name a reason, an object, a namespace or labels")
    return IgnoreRule(**values, source=source)


def annotated_rule(annotations: Mapping[str, str], carrier: str) -> IgnoreRule | None:
    """The rule that an object carries in its annotations, if any. Raises UsageError if its date cannot be read."""
    reasons = tuple(word.strip() for word in annotations.get(ANNOTATION, "").split(",") if word.strip())
    if not reasons:
        return None
    until = annotations.get(UNTIL_ANNOTATION, "").strip()
    return IgnoreRule(
        reason=reasons,
        until=_until(until, f"annotation {UNTIL_ANNOTATION} of {carrier}") if until else None,
        why=annotations.get(WHY_ANNOTATION, ""),
        source=f"annotation of {carrier}",
    )


def _split(text: str, source: str) -> dict[str, str]:
    """`key=value,key=value`: after a comma what is no key belongs to the value before; a bare text is a reason."""
    values: dict[str, str] = {}
    last = ""
    for piece in text.split(","):
        match = _PIECE.fullmatch(piece)
        if match is None and not last:
            values["reason"], last = _bare_reason(piece, source), "reason"
        elif match is not None and _begins_key(match[1], last, source):
            if match[1] in values:
                hint = "separate alternatives by commas, as in reason=A,B"
                raise UsageError(f"{source} gives {match[1]} twice", hint=hint)
            last = match[1]
            values[last] = match[2]
        else:
            values[last] += f",{piece}"
    return values


def _begins_key(word: str, last: str, source: str) -> bool:
    """Whether `word=` begins a key, and is no part of a selector or a sentence; a misspelt key is refused."""
    if word in KEYS:
        return True
    if last not in ("labels", "why") or difflib.get_close_matches(word, KEYS, n=1, cutoff=0.8):
        _require_key(word, source)
    return False


def _bare_reason(word: str, source: str) -> str:
    kind = word.partition("/")[0].strip()
    if ("/" in word and not kind[:1].isupper()) or find_kind(kind) is not None:
        raise UsageError(f"{source} is no reason", hint=f"for an object write object={word.strip()}")
    return word


def _require_key(key: str, source: str) -> None:
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(KEYS)}"
        raise UsageError(f"unknown key {excerpt(key, 60)!r} in {source}", hint=hint)


def _checked(key: str, value: Any, where: str) -> Any:
    if key == "until":
        return _until(value, where)
    if key == "labels" and isinstance(value, Mapping):
        value = ",".join(f"{name}={wanted}" for name, wanted in value.items())
    if key in PATTERNS:
        patterns = tuple(_patterns(value, where))
        return tuple(_object(pattern, where) for pattern in patterns) if key == "object" else patterns
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where} is {excerpt(repr(value), 60)}", hint="it must be a text, and not empty")
    if key == "labels":
        _require_selector(value, where)
    return value.strip()


def _patterns(value: Any, where: str) -> Iterator[str]:
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not given:
        raise UsageError(f"{where} is {excerpt(repr(value), 60)}", hint="it must be a text or a list of texts")
    for pattern in given:
        if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern.strip()):
            hint = "a pattern holds letters, digits, / . : - and the wildcards * ? […]"
            raise UsageError(f"{where} has {excerpt(repr(pattern), 60)} in it", hint=hint)
        yield pattern.strip()


def _require_selector(text: str, where: str) -> None:
    try:
        parse_label_selector(text)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", hint=error.hint) from error


def _object(text: str, where: str) -> str:
    """`KIND/NAMESPACE/NAME` with the kind's own name, from that, from `KIND/NAME`, `NAME` or `KIND NAMESPACE/NAME`."""
    parts = text.replace(" ", "/", 1).split("/")
    if len(parts) > 3 or "" in parts:
        raise UsageError(f"{where} is {excerpt(text, 80)!r}", hint="it must be KIND/NAMESPACE/NAME, KIND/NAME or NAME")
    if len(parts) == 1:
        return f"*/*/{parts[0]}"
    kind = find_kind(parts[0])
    if kind is None and len(parts) == 2 and parts[0].islower():
        hint = f"did you mean namespace={parts[0]},object={parts[1]}?"
        raise UsageError(f"{where} is {excerpt(text, 80)!r}, and {parts[0]!r} is no kind", hint=hint)
    middle = parts[1] if len(parts) == 3 else "*"
    return f"{kind.name if kind is not None else parts[0]}/{middle}/{parts[-1]}"


def _until(value: Any, where: str) -> date | datetime:
    moment = value
    if isinstance(value, str):
        try:
            moment = date.fromisoformat(value.strip())
        except ValueError:
            try:
                moment = datetime.fromisoformat(value.strip())
            except ValueError:
                moment = None
    if isinstance(moment, datetime):
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if isinstance(moment, date):
        return moment
    raise UsageError(f"{where} is {excerpt(str(value), 60)!r}", hint="it must be a day, as 2026-12-31")
