"""Label and field selectors, parsed from query parameters into predicates over manifests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubeagentix.demo.api_errors import bad_request
from kubeagentix.demo.kinds import ServedKind

Predicate = Callable[[Mapping[str, Any]], bool]

_LABEL_TOKEN = re.compile(r"\s*(==|!=|=|\(|\)|,|!|>|<|[^\s=!(),<>]+)")
_LABEL_KEY = re.compile(r"[\w./-]+")
_FIELD_TERM = re.compile(r"^([^=!]+)(==|!=|=)(.*)$")
_ANYWHERE = frozenset({"metadata.name", "metadata.namespace"})
_EVENT_FIELDS = frozenset(
    {
        *(
            f"{prefix}.{name}"
            for prefix in ("involvedObject", "regarding")
            for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        ),
        *("reason", "reportingComponent", "reportingController", "source", "type"),
    }
)
_BY_KIND = {
    "Pod": frozenset(
        {
            *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
            *("spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"),
        }
    ),
    "Event": _EVENT_FIELDS,
    "Node": frozenset({"spec.unschedulable"}),
    "Namespace": frozenset({"status.phase"}),
    "Secret": frozenset({"type"}),
    "Job": frozenset({"status.successful"}),
    "ReplicaSet": frozenset({"status.replicas"}),
    "ReplicationController": frozenset({"status.replicas"}),
}
_SAME_FIELD = {  # the names of events.k8s.io/v1 for the fields of core/v1, and where a label hides the path
    "reportingController": "reportingComponent",
    "source": "source.component",
    "status.successful": "status.succeeded",
}


def parse_field_selector(text: str, kind: ServedKind) -> Predicate:
    """A predicate for `fieldSelector`. Raises StatusError 400 for fields this kind cannot be selected by."""
    terms = [_field_term(term, kind) for term in text.split(",") if term.strip()]
    return lambda obj: all(term(obj) for term in terms)


def _field_term(term: str, kind: ServedKind) -> Predicate:
    match = _FIELD_TERM.match(term.strip())
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, operator, wanted = match.groups()
    known = _BY_KIND.get(kind.kind)
    if path not in _ANYWHERE and (known is None or kind.is_custom or path not in known):
        if known is not None:
            raise bad_request(f"field label not supported: {path}")
        raise bad_request(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    parts = _SAME_FIELD.get(path, path.replace("regarding.", "involvedObject.")).split(".")
    return lambda obj: (_field(obj, parts) == wanted) is (operator != "!=")


def _field(obj: Mapping[str, Any], parts: list[str]) -> str:
    value: Any = obj
    for part in parts:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return {"unschedulable": "false", "hostNetwork": "false", "succeeded": "0", "replicas": "0"}.get(parts[-1], "")
    return str(value)


def parse_label_selector(text: str) -> Predicate:
    """A predicate for `labelSelector`: =, ==, !=, in, notin, KEY, !KEY, >, <. Raises StatusError 400."""
    tokens = _Tokens(text)
    requirements = []
    while tokens.peek():
        requirements.append(_requirement(tokens))
        if tokens.peek() and tokens.take() != ",":
            raise bad_request(f"found '{tokens.last}', expected: ',' or 'end of string'")
    return lambda obj: _all_match(requirements, obj)


def _all_match(requirements: list[Callable[[Mapping[str, str]], bool]], obj: Mapping[str, Any]) -> bool:
    labels = obj.get("metadata", {}).get("labels") or {}
    return all(requirement(labels) for requirement in requirements)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self.last = ""

    def peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def take(self) -> str:
        self.last = self._tokens.pop(0) if self._tokens else ""
        return self.last


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text.rstrip()):
        match = _LABEL_TOKEN.match(text, position)
        if match is None:
            raise bad_request(f"unable to parse requirement: found '{text[position:]}'")
        position = match.end()
        yield match[1]


def _requirement(tokens: _Tokens) -> Callable[[Mapping[str, str]], bool]:
    key = tokens.take()
    if key == "!":
        absent = _key(tokens.take())
        return lambda labels: absent not in labels
    _key(key)
    operator = tokens.peek()
    if operator in ("", ","):
        return lambda labels: key in labels
    tokens.take()
    if operator in ("=", "==", "!="):
        value = "" if tokens.peek() in ("", ",") else tokens.take()
        return lambda labels: (labels.get(key) == value) is (operator != "!=")
    if operator in ("in", "notin"):
        values = _values(tokens)
        return lambda labels: (labels.get(key) in values) is (operator == "in")
    if operator in (">", "<"):
        return _comparison(key, operator, tokens.take())
    raise bad_request(f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _key(word: str) -> str:
    if not _LABEL_KEY.fullmatch(word):
        raise bad_request(f"unable to parse requirement: found '{word}', expected: identifier")
    return word


def _values(tokens: _Tokens) -> frozenset[str]:
    if tokens.take() != "(":
        raise bad_request(f"unable to parse requirement: found '{tokens.last}', expected: '('")
    values = []
    while tokens.peek() not in ("", ")"):
        word = tokens.take()
        if word != ",":
            values.append(word)
    if tokens.take() != ")":
        raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")
    return frozenset(values)


def _comparison(key: str, operator: str, bound: str) -> Callable[[Mapping[str, str]], bool]:
    def matches(labels: Mapping[str, str]) -> bool:
        try:
            value, limit = int(labels[key]), int(bound)
        except (KeyError, ValueError):
            return False
        return value > limit if operator == ">" else value < limit

    return matches


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object (`matchLabels`, `matchExpressions`) selects `labels`; None selects nothing."""
    if selector is None:
        return False
    equal = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return equal and all(_expression_matches(item, labels) for item in selector.get("matchExpressions") or ())


def _expression_matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def format_selector(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as one line, as kubectl and `status.selector` show it: `app=web,tier in (a,b)`."""
    selector = selector or {}
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        values = ",".join(sorted(item.get("values") or ()))
        terms.append(
            {
                "In": f"{item['key']} in ({values})",
                "NotIn": f"{item['key']} notin ({values})",
                "Exists": item["key"],
            }.get(item["operator"], f"!{item['key']}")
        )
    return ",".join(terms)
