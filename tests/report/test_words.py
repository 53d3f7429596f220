"""The same facts in fewer words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from kubeagentix.domain.diagnosis import Evidence, Gap, Ignored, ResourceRef
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.report.words import gaps_in_short, ignored_by, telling

POD = ResourceRef(kind="Pod", namespace="shop", name="web-1")


def test_gaps_that_differ_in_the_kind_alone_share_a_line() -> None:
    gaps = [
        Gap(what=f"{kind} in namespace shop", why=f"403 Forbidden for user dev: ask for list on {kind}")
        for kind in ("pods", "secrets", "services")
    ]
    other = Gap(what="nodes", why="403 Forbidden for user dev: ask for list on nodes")
    assert gaps_in_short([*gaps, other]) == [
        "pods, secrets and services in namespace shop: 403 Forbidden for user dev: ask for list on them",
        "nodes: 403 Forbidden for user dev: ask for list on nodes",
    ]


def test_gaps_with_different_reasons_stay_apart() -> None:
    gaps = [Gap(what="pods in namespace a", why="timed out"), Gap(what="pods in namespace b", why="timed out")]
    assert gaps_in_short(gaps) == ["pods in namespace a: timed out", "pods in namespace b: timed out"]


def test_what_another_replica_says_again_is_not_telling() -> None:
    pieces = [
        Evidence.of(POD, "event", f"Warning BackOff, {times} times", locator="event/BackOff") for times in (3, 17)
    ]
    other = Evidence.of(POD, "event", "Warning Failed, 3 times", locator="event/Failed")
    assert telling([*pieces, other]) == [pieces[0], other]


def test_an_annotation_is_named_with_its_object() -> None:
    rule = IgnoreRule(reason=("*",), until=date(2026, 12, 31), source="annotation of Namespace shop")
    assert ignored_by(Ignored(rule=rule)) == "0 by reason=* (annotation of Namespace shop), until 2026-12-31"
    assert ignored_by(Ignored(rule=replace(rule, source="--ignore '*'"))) == "0 by reason=*, until 2026-12-31"
