"""The accuracy benchmark: what it counts, on cases small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.accuracy import Result, by_family, calibration, expected_error, false_alarms, judge
from benchmarks.cases import VIEWS, Case, Fact
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.testing import log_of, snapshot_of

CRASH = """
{kind: Namespace, metadata: {name: default}}
---
kind: Pod
metadata: {name: web}
spec: {nodeName: n1, containers: [{name: app, image: r/web:1}]}
status:
  phase: Running
  containerStatuses:
    - name: app
      restartCount: 9
      state: {waiting: {reason: CrashLoopBackOff}}
      lastState: {terminated: {exitCode: 1, reason: Error}}
"""
LOG = log_of("web", "app", "FATAL: DATABASE_URL is not set")
FACT = Fact(roots=("Pod default/web",), reasons=("CrashLoopBackOff/MissingVariable",))
CASE = Case(
    id="crash",
    source="recorded",
    family="crash",
    snapshot=snapshot_of(CRASH, logs=[LOG]),
    namespace=None,
    facts=(FACT,),
)


def result(*told: tuple[float, bool], case: Case = CASE, alarms: int = 0) -> Result:
    ranks = tuple(place for place, (_, is_right) in enumerate(told) if is_right) or (None,)
    return Result(case=case, view="all", told=told, ranks=ranks, alarms=alarms, first="")


def test_a_case_is_right_by_object_and_reason_and_wrong_when_the_log_that_tells_is_not_seen() -> None:
    assert judge(CASE, "all").is_first_right
    blind = judge(CASE, "no logs")
    assert not blind.is_first_right
    assert blind.told[0][0] < judge(CASE, "all").told[0][0]  # and it is less sure


WEB, DB = (ResourceRef(kind="Pod", namespace="default", name=name) for name in ("web", "db"))


def test_a_refinement_of_the_reason_is_right_and_another_reason_or_object_is_not() -> None:
    fact = Fact(roots=("Pod default/web",), reasons=("ImagePullBackOff",))
    assert fact.is_told_by(WEB, "ImagePullBackOff/TagNotFound")
    assert not fact.is_told_by(WEB, "ImagePullBackOffs")
    assert not fact.is_told_by(DB, "ImagePullBackOff")


def test_a_pattern_is_looked_for_in_all_that_is_said_of_the_right_object() -> None:
    fact = Fact(roots=("Pod web",), says="tag|manifest")
    assert fact.is_told_by(WEB, "ImagePullBackOff", "the registry does not have that Tag")
    assert not fact.is_told_by(WEB, "ImagePullBackOff", "it cannot be pulled")
    assert not fact.is_told_by(DB, "ImagePullBackOff", "tag")


def test_every_view_takes_away_what_it_says() -> None:
    seen = {name: view(CASE.snapshot) for name, view in VIEWS.items()}
    assert seen["all"] is CASE.snapshot
    assert seen["no logs"].logs == ()
    assert "Event" not in seen["no events"].objects
    assert "Node" not in seen["few rights"].objects
    assert all(seen[name].gaps for name in seen if name != "all")


def test_families_count_first_places_and_inventions() -> None:
    rows = by_family([result((0.9, True)), result((0.9, False), (0.8, True)), result()])
    assert [(row["family"], row["cases"], row["invented"]) for row in rows] == [("crash", 3, 1), ("all", 3, 1)]
    assert (round(rows[0]["top_1"], 2), round(rows[0]["top_3"], 2)) == (0.33, 0.67)


def test_calibration_compares_confidence_with_the_share_that_was_right() -> None:
    rows = calibration([result((0.85, True), (0.85, False)), result((0.96, True))])
    assert [(row["from"], row["hypotheses"], row["right"]) for row in rows] == [(0.8, 2, 0.5), (0.95, 1, 1.0)]
    assert round(expected_error(rows), 3) == round((2 * 0.35 + 0.04) / 3, 3)


def test_alarms_are_counted_on_healthy_cases_only() -> None:
    healthy = replace(CASE, facts=())
    found = false_alarms([result(alarms=5), result(case=healthy), result((0.9, False), case=healthy, alarms=2)])
    assert found == {"healthy": 2, "alarmed": 1, "findings": 2}
