from __future__ import annotations

from dataclasses import replace

import pytest

from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.meta import LabelSelector, LabelSelectorRequirement
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.parts import Part, terms_of
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.storage import ConfigMap, Secret
from kubeagentix.testing import snapshot_of

ALL = Part("Pod", "shop")
WEB = Part("Pod", "shop", labels=frozenset({"app=web"}))
CANARY = Part("Pod", "shop", labels=frozenset({"app=web", "track=canary"}))
ONE = Part("Pod", "shop", "web-0")


def test_a_part_covers_what_is_in_it_and_no_more() -> None:
    assert all(ALL.covers(part) for part in (ALL, WEB, CANARY, ONE))
    assert WEB.covers(CANARY)
    assert not any(WEB.covers(part) for part in (ALL, ONE, Part("Pod", "db", labels=WEB.labels)))
    assert not CANARY.covers(WEB)
    assert not ONE.covers(Part("Pod", "shop", "web-1"))


def test_a_label_with_some_value_is_one_with_any() -> None:
    assert Part("Pod", "shop", labels=frozenset({"app"})).covers(WEB)
    assert not Part("Pod", "shop", labels=frozenset({"tier"})).covers(WEB)


@pytest.mark.parametrize(
    ("operator", "values", "term"),
    [("In", ("b", "a"), "tier in (a,b)"), ("NotIn", ("a",), "tier notin (a)"), ("Exists", (), "tier")],
)
def test_expressions_are_spelled_as_kubectl_spells_them(operator: str, values: tuple[str, ...], term: str) -> None:
    requirement = LabelSelectorRequirement(key="tier", operator=operator, values=values)
    selector = LabelSelector(match_labels={"app": "web"}, match_expressions=(requirement,))
    assert terms_of(selector) == {"app=web", term}


PODS = """
{kind: Pod, metadata: {name: web-0, namespace: shop, labels: {app: web}}}
---
{kind: ConfigMap, metadata: {name: settings, namespace: shop}}
"""
WHOLE = replace(snapshot_of(PODS), namespace="shop")
PARTLY = replace(
    WHOLE, parts=frozenset({WEB, Part("ConfigMap", "shop", "gone"), Part("ConfigMap", "shop", "settings")})
)


def test_absence_is_a_fact_of_what_was_asked_for_by_name() -> None:
    assert PARTLY.lacks(PARTLY.named("ConfigMap", "shop", "gone"))
    assert not PARTLY.lacks(PARTLY.named("ConfigMap", "shop", "settings"))
    assert not PARTLY.lacks(PARTLY.named("ConfigMap", "shop", "another"))
    assert PARTLY.was_read(ConfigMap, "shop", name="gone")
    assert not PARTLY.was_read(ConfigMap, "shop")


def test_what_a_selector_takes_is_known_where_its_labels_were_asked_for() -> None:
    assert PARTLY.was_read(Pod, "shop", selector={"app": "web"})
    assert PARTLY.was_read(Pod, "shop", selector={"app": "web", "track": "canary"})
    assert not PARTLY.was_read(Pod, "shop", selector={"app": "db"})
    assert not PARTLY.was_read(Pod, "shop")


def test_a_name_or_a_selector_makes_no_difference_where_everything_was_read() -> None:
    assert WHOLE.was_read(ConfigMap, "shop", name="gone")
    assert WHOLE.was_read(Pod, "shop", selector={"app": "db"})
    assert not WHOLE.wanted


def test_what_was_asked_in_vain_is_remembered() -> None:
    picture = replace(PARTLY)
    assert picture.get(Node, "", "n1") is None
    assert not picture.was_read(Pod, "shop")
    assert picture.get(ConfigMap, "shop", "gone") is None  # which is known not to be there
    assert picture.wanted == {Part("Node", "", "n1"), ALL}


def test_what_could_not_be_read_is_not_missing() -> None:
    gap = Gap(what="secrets in namespace shop", why="403 Forbidden", kind="Secret", namespace="shop")
    picture = replace(PARTLY, parts=frozenset({Part("Secret", "shop", "key")}), gaps=(gap,))
    assert not picture.was_read(Secret, "shop", name="key")
    assert not picture.lacks(picture.named("Secret", "shop", "key"))
