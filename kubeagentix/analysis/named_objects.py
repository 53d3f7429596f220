"""Which objects a controller's message names: `secrets "db" not found`, `Deployment/shop/web`, `HelmChart 'a/b'`.

A name counts where a kind stands before it and it is quoted, follows a slash, is that of an object that exists, or
is said not to be found; all else in a sentence is words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"  # no longer than names may be: time must not grow with the text
_GONE = r"(?=[\"'`]?,?:? (?:is |was |could |has )?(?:not (?:be )?found|does(?: not|n't) exist|missing))"
_WORD = re.compile(r"(?<![\w./-])[A-Za-z]+")
# What may follow a kind: its group, and a name in one of the forms that count.
_NAMED = re.compile(
    rf"(?:\.[a-z0-9.-]{{1,253}})?"
    rf"(?:"
    rf"(?: (?:named|called|object|resource|with name))?:? [\"'`](?P<quoted>(?:{_NAME}/)?{_NAME})[\"'`]"
    rf"|/(?P<slashed>(?:{_NAME}/)?{_NAME})"
    rf"|:? (?P<gone>(?:{_NAME}/)?{_NAME}){_GONE}"
    rf"|:? (?P<bare>(?:{_NAME}/)?{_NAME})(?![\w./-])"
    rf")"
)
_SAID_GONE = re.compile(r"[\"'`]?,?:? (?:is |was |could |has )?(?:not (?:be )?found|does(?: not|n't) exist|missing)")
# Words that people write for kinds.
_SYNONYMS = {"pvc": "PersistentVolumeClaim", "pv": "PersistentVolume"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObject:
    """An object that a message names. `is_missing`: it is not there, for a fact or because the message says so."""

    ref: ResourceRef
    is_missing: bool


def named_objects(snapshot: Snapshot, text: str, namespace: str) -> tuple[NamedObject, ...]:
    """The objects that `text` names, in its order; those without a namespace are sought in `namespace`."""
    kinds = snapshot.derived(_vocabulary)
    found: dict[ResourceRef, NamedObject] = {}
    position = 0
    while word := _WORD.search(text, position):
        position = word.end()
        kind = kinds.get(word[0].lower())
        match = _NAMED.match(text, position) if kind is not None else None
        if kind is None or match is None:
            continue
        name = match["quoted"] or match["slashed"] or match["gone"] or match["bare"]
        place, _, own = name.rpartition("/")
        ref = _resolve(snapshot, kind, place or namespace, own)
        exists = snapshot.find(ref) is not None
        if match["bare"] and not exists:
            continue  # what follows is a word, perhaps another kind
        position = match.end()
        is_said = match["gone"] is not None or _SAID_GONE.match(text, position) is not None
        found.setdefault(ref, NamedObject(ref=ref, is_missing=not exists and (is_said or _was_read(snapshot, ref))))
    return tuple(found.values())


def _resolve(snapshot: Snapshot, kind: str, namespace: str, name: str) -> ResourceRef:
    if kind in KINDS and not KINDS[kind].is_namespaced:
        return snapshot.named(kind, "", name)
    ref = snapshot.named(kind, namespace, name)
    wide = snapshot.named(kind, "", name)
    return wide if snapshot.find(ref) is None and snapshot.find(wide) is not None else ref


def _was_read(snapshot: Snapshot, ref: ResourceRef) -> bool:
    kind = KINDS.get(ref.kind)
    return kind is not None and snapshot.was_read(kind.type, ref.namespace, name=ref.name)


def _vocabulary(snapshot: Snapshot) -> Mapping[str, str]:
    return dict(_words(snapshot))


def _words(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    yield from _SYNONYMS.items()
    # A definition without objects is named as well: its objects may be what is missing.
    custom = {kind for kind in snapshot.objects if kind not in KINDS}
    for kind in (*custom, *KINDS):  # of namesakes, Kubernetes' own kind is meant
        word = kind.partition(".")[0].lower()
        if word not in ("event", "podmetrics", "nodemetrics"):
            yield word, kind
            yield (f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("s") else f"{word}s"), kind
