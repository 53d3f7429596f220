"""Label and field selectors."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.demo.api_errors import StatusError
from kubeagentix.demo.kinds import Catalog
from kubeagentix.demo.selectors import format_selector, parse_field_selector, parse_label_selector, selects

POD: dict[str, Any] = {
    "metadata": {"name": "a", "namespace": "shop", "labels": {"app": "web", "tier": "front", "n": "5"}},
    "spec": {"nodeName": "node-1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("selector", "is_match"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier = front", True),
        ("app!=web", False),
        ("missing!=web", True),
        ("app in (web, api)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("missing in (web)", False),
        ("app", True),
        ("!app", False),
        ("!missing,app", True),
        ("n>4", True),
        ("n<4", False),
        ("app=", False),
        ("app=web,missing", False),
    ],
)
def test_label_selectors(selector: str, is_match: bool) -> None:
    assert parse_label_selector(selector)(POD) is is_match


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "a in (b", "a b", "(", "a in (b) c"])
def test_malformed_label_selectors_are_bad_requests(selector: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_label_selector(selector)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("selector", "is_match"),
    [
        ("metadata.name=a", True),
        ("metadata.name!=a", False),
        ("spec.nodeName=node-1,status.phase==Running", True),
        ("status.phase!=Running", False),
        ("spec.hostNetwork=false", True),
        ("status.podIP=", True),
    ],
)
def test_field_selectors(selector: str, is_match: bool) -> None:
    assert parse_field_selector(selector, Catalog().named("Pod"))(POD) is is_match


def test_fields_that_a_kind_cannot_be_selected_by_are_bad_requests() -> None:
    for kind, selector in (("Pod", "spec.foo=1"), ("ConfigMap", "spec.nodeName=a"), ("Pod", "nonsense")):
        with pytest.raises(StatusError):
            parse_field_selector(selector, Catalog().named(kind))


def test_events_are_selected_by_what_they_are_about() -> None:
    event = {"involvedObject": {"kind": "Pod", "name": "a"}, "type": "Warning", "source": {"component": "kubelet"}}
    kind = Catalog().named("Event")
    assert parse_field_selector("involvedObject.name=a,type=Warning,source=kubelet", kind)(event)
    assert parse_field_selector("regarding.kind=Pod", kind)(event)
    assert not parse_field_selector("involvedObject.kind=Node", kind)(event)


def test_selector_objects() -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["front"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    assert selects(selector, POD["metadata"]["labels"])
    assert not selects(selector, {"app": "web", "tier": "back"})
    assert selects({}, {})
    assert not selects(None, {})
    assert format_selector(selector) == "app=web,tier in (front),!old"
