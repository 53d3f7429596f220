"""What differs between two states of an object: by field, and as a diff that a person can judge a change by.

What the API server keeps for itself is left out. A Secret's values are sizes, and other credentials are masked, equal
ones alike. The text is plain ASCII: a letter of another alphabet or an
invisible one is seen as what it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubeagentix.domain.meta import LAST_APPLIED
from kubeagentix.toolkit.pruning import masked
from kubeagentix.toolkit.wording import yaml_text

_OWN = ("managedFields", "resourceVersion", "generation", "uid", "selfLink", "creationTimestamp")  # the server's


def comparable(obj: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of an object somebody means by it: no status, and nothing that the API server writes by itself."""
    if obj is None:
        return {}
    kept = {key: value for key, value in obj.items() if key != "status"}
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _OWN}
    annotations = {
        key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != LAST_APPLIED
    }
    return {**kept, "metadata": {**metadata, **({"annotations": annotations} if annotations else {})}}


def diff(before: Mapping[str, Any], after: Mapping[str, Any], mask: Callable[[str], str]) -> str:
    """A unified diff of two `comparable` states as YAML; an empty one stands for no object at all."""
    old, new = (mask(_text(state)).splitlines() for state in (before, after))
    return "\n".join(line.rstrip("\n") for line in difflib.unified_diff(old, new, "before", "after", n=3, lineterm=""))


def _text(state: Mapping[str, Any]) -> str:
    return yaml_text(masked(state), is_ascii=True) if state else ""


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, old, new) of what differs; entries of lists go by their names. None stands for what is not there."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in (*old, *(key for key in new if key not in old)):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        before, after = _by_name(old), _by_name(new)
        for key in (*before, *(key for key in after if key not in before)):
            yield from differences(before.get(key), after.get(key), f"{path}[{key}]")
    elif old != new:
        yield path, old, new


def fields(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths of all single values that differ, also of those in what was added or taken away as a whole."""
    for where, before, after in differences(old, new, path):
        whole = before if after is None else after if before is None else None
        if isinstance(whole, Mapping | list) and whole:
            yield from fields(whole, {} if isinstance(whole, Mapping) else [], where)
        else:
            yield where


def _by_name(items: list[Any]) -> dict[str, Any]:
    """Entries by their names; by their places where one has none, or shares it, so that none hides another."""
    names = [str(item.get("name") or "") if isinstance(item, Mapping) else "" for item in items]
    keys = (name if name and names.count(name) == 1 else str(place) for place, name in enumerate(names))
    return dict(zip(keys, items, strict=True))
