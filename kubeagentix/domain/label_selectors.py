"""Label selectors as kubectl's `-l` spells them: `app=web,tier!=front,env in (dev,test),!canary`."""

from __future__ import annotations

import re

from kubeagentix.domain.meta import LabelSelector, LabelSelectorRequirement
from kubeagentix.errors import UsageError, excerpt

_KEY = r"[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?"
_VALUE = r"[\w.-]*"
_TERM = re.compile(
    rf"""\s*(?:
      (?P<not>!)\s*(?P<absent>{_KEY})
    | (?P<key>{_KEY})\s*(?:
        (?P<sign>==|=|!=)\s*(?P<value>{_VALUE})
      | (?P<set>in|notin)\s*\((?P<values>[\w.,\s-]*)\)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_OPERATORS = {"=": "In", "==": "In", "!=": "NotIn", "in": "In", "notin": "NotIn"}


def parse_label_selector(text: str) -> LabelSelector:
    """The selector that `text` spells. Raises UsageError."""
    terms, place = [], 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None:
            hint = "such as app=web,tier!=front,env in (dev,test),!canary"
            raise UsageError(f"{excerpt(text, 80)!r} is no label selector", hint=hint)
        terms.append(_requirement(match))
        place = match.end()
    return LabelSelector(match_expressions=tuple(terms))


def _requirement(match: re.Match[str]) -> LabelSelectorRequirement:
    if match["not"]:
        return LabelSelectorRequirement(key=match["absent"], operator="DoesNotExist")
    operator = match["sign"] or match["set"]
    if operator is None:
        return LabelSelectorRequirement(key=match["key"], operator="Exists")
    values = (match["value"],) if match["sign"] else tuple(item.strip() for item in match["values"].split(","))
    return LabelSelectorRequirement(key=match["key"], operator=_OPERATORS[operator], values=values)
