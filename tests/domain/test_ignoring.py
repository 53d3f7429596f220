"""How a rule to ignore known findings is spelled, and what one line answers a mistake."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from kubeagentix.domain.ignoring import annotated_rule, rule_of
from kubeagentix.errors import UsageError


def rule(given: object) -> Any:
    return rule_of(given, "here")


def test_a_rule_is_spelled_as_a_mapping_or_as_a_text() -> None:
    text = (
        "reason=Lint/*,CrashLoopBackOff, object=deploy/web, labels=app=web,tier in (a,b), until=2026-12-31, why=so, ok"
    )
    mapping = {
        "reason": ["Lint/*", "CrashLoopBackOff"],
        "object": "Deployment/*/web",
        "labels": "app=web,tier in (a,b)",
        "until": date(2026, 12, 31),
        "why": "so, ok",
    }
    assert rule(text) == rule(mapping)


def test_a_bare_text_is_a_reason() -> None:
    assert rule("Lint/*,OOMKilled").reason == ("Lint/*", "OOMKilled")


def test_labels_may_be_a_table() -> None:
    assert rule({"labels": {"app": "web", "tier": "front"}}).labels == "app=web,tier=front"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Deployment/shop/web-*", "Deployment/shop/web-*"),
        ("deploy/shop/web", "Deployment/shop/web"),
        ("Deployment shop/web", "Deployment/shop/web"),
        ("Node n1", "Node/*/n1"),
        ("po/web-1", "Pod/*/web-1"),
        ("web-1", "*/*/web-1"),
        ("*/shop/*", "*/shop/*"),
        ("Rollout/web", "Rollout/*/web"),
    ],
)
def test_an_object_is_spelled_as_a_report_or_as_kubectl_spells_it(text: str, pattern: str) -> None:
    assert rule({"object": text}).object == (pattern,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("reson=X", "unknown key 'reson' in here; did you mean reason?"),
        ("zzz=X", "unknown key 'zzz' in here; the keys are reason, object,"),
        ("reason=X,untill=2026-01-01", "unknown key 'untill' in here; did you mean until?"),
        ("why=known,untill=2026-01-01,reason=X", "unknown key 'untill' in here; did you mean until?"),
        ("reason=A,reason=B", "here gives reason twice; separate alternatives by commas"),
        ("reason=", "reason of here has '' in it"),
        ("reason=X;until=2026-01-01", "reason of here has 'X;until=2026-01-01' in it"),
        ("reason=X,until=soon", "until of here is 'soon'; it must be a day, as 2026-12-31"),
        ("object=shop/web", "object of here is 'shop/web', and 'shop' is no kind; did you mean namespace=shop,object="),
        ("object=a/b/c/d", "object of here is 'a/b/c/d'; it must be KIND/NAMESPACE/NAME"),
        ("object=Pod//x", "object of here is 'Pod//x'"),
        ("labels=a=b=c", "labels of here: 'a=b=c' is no label selector"),
        ("deploy/web", "here is no reason; for an object write object=deploy/web"),
        ("Pod/web-1", "here is no reason; for an object write object=Pod/web-1"),
        ("until=2026-12-31", "here would ignore everything; name a reason"),
        ({}, "here would ignore everything"),
        ({"reason": 5}, "reason of here is 5; it must be a text or a list of texts"),
        ({"reason": []}, r"reason of here is \[\]"),
        ({"reason": ["A", 5]}, "reason of here has 5 in it"),
        ({"reason": "A", "until": 5}, "until of here is '5'"),
        ({"reason": "A", "why": ""}, "why of here is ''; it must be a text, and not empty"),
        (5, "here is 5, no rule; as in reason="),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_place_and_key(given: object, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        rule(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("until", "moment", "is_expired"),
    [
        (None, datetime(2099, 1, 1, tzinfo=UTC), False),
        ("2026-12-31", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), False),
        ("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC), True),
        ("2026-12-31T10:00:00Z", datetime(2026, 12, 31, 9, 59, tzinfo=UTC), False),
        (datetime(2026, 12, 31, 10), datetime(2026, 12, 31, 10, tzinfo=UTC), True),
    ],
)
def test_a_rule_counts_to_the_end_of_its_last_day(until: Any, moment: datetime, is_expired: bool) -> None:
    assert rule({"reason": "A", **({"until": until} if until else {})}).is_expired(moment) is is_expired


def test_an_annotation_is_a_rule() -> None:
    annotations = {
        "kubeagentix.io/ignore": "OOMKilled, Lint/*",
        "kubeagentix.io/ignore-until": "2026-12-31",
        "kubeagentix.io/ignore-why": "known",
    }
    made = annotated_rule(annotations, "Deployment shop/web")
    assert made is not None
    assert (made.reason, made.until, made.why) == (("OOMKilled", "Lint/*"), date(2026, 12, 31), "known")
    assert made.source == "annotation of Deployment shop/web"
    assert annotated_rule({"kubeagentix.io/ignore": " "}, "x") is None
    with pytest.raises(UsageError, match=r"annotation kubeagentix\.io/ignore-until of x is 'soon'"):
        annotated_rule({**annotations, "kubeagentix.io/ignore-until": "soon"}, "x")
