"""Parts of a cluster that were read: what a picture that does not hold everything may conclude absence from.

A part is whole: all objects of a kind in a namespace, those of them that bear some labels, or the one of a name. What
a part covers and what is not in the picture does not exist; what no part covers is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeagentix.domain.meta import LabelSelector

Selector = Mapping[str, str] | LabelSelector
_SIGNS = {"In": "in", "NotIn": "notin"}


@dataclass(frozen=True, slots=True)
class Part:
    """Objects of one kind: of a namespace ("" for those of no namespace), perhaps of one name or of some labels only.

    `labels` are the terms of a label selector as kubectl spells them, all of which an object meets.
    """

    kind: str
    namespace: str = ""
    name: str = ""
    labels: frozenset[str] = frozenset()

    def covers(self, other: Part) -> bool:
        """Whether everything in `other` is in this part."""
        return (
            (self.kind, self.namespace) == (other.kind, other.namespace)
            and self.name in ("", other.name)
            and self.labels <= other.labels | {term.partition("=")[0] for term in other.labels if "=" in term}
        )

    @property
    def label_selector(self) -> str:
        """Its labels as one text, always in the same order."""
        return ",".join(sorted(self.labels))

    def __str__(self) -> str:
        which = self.name or self.label_selector
        return f"{self.kind} {self.namespace}{'/' if which and self.namespace else ''}{which}".strip()


def terms_of(selector: Selector) -> frozenset[str]:
    """The terms of a selector: `app=web`, `tier in (a,b)`, `!canary`."""
    if not isinstance(selector, LabelSelector):
        return frozenset(f"{key}={value}" for key, value in selector.items())
    terms = {f"{key}={value}" for key, value in selector.match_labels.items()}
    for item in selector.match_expressions:
        match item.operator:
            case "Exists":
                terms.add(item.key)
            case "DoesNotExist":
                terms.add(f"!{item.key}")
            case _:
                terms.add(f"{item.key} {_SIGNS[item.operator]} ({','.join(sorted(item.values))})")
    return frozenset(terms)
