"""A chain is a graph even where the data is odd."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kubeagentix.domain.diagnosis import Diagnosis, Finding, Hypothesis, ResourceRef, Severity, Target
from kubeagentix.report.chain import Chain, chain_of

AT = datetime(2026, 1, 15, tzinfo=UTC)
ROOT = ResourceRef(kind="Node", name="n0")


def made(causes: dict[str, tuple[str, ...]], max_nodes: int = 12, root: str = "n0") -> Chain:
    by_name = {
        name: Finding.of(
            analyzer="a", reason=name, ref=ROOT, title=name, severity=Severity.INFO, confidence=1, cause="", evidence=()
        )
        for name in causes
    }
    findings = tuple(
        replace(item, caused_by=tuple(by_name[cause].id if cause in by_name else cause for cause in causes[name]))
        for name, item in by_name.items()
    )
    hypothesis = Hypothesis(
        id="h",
        title="t",
        summary="",
        confidence=1,
        root=ResourceRef(kind="Node", name=root),
        findings=(*(item.id for item in findings), "f-unknown"),
    )
    diagnosis = Diagnosis(
        id="d",
        target=Target(),
        cluster="",
        hypotheses=(hypothesis,),
        findings=findings,
        gaps=(),
        started_at=AT,
        finished_at=AT,
    )
    return chain_of(diagnosis, hypothesis, max_nodes)


def chain(
    causes: dict[str, tuple[str, ...]], max_nodes: int = 12, root: str = "n0"
) -> tuple[list[tuple[int, int]], tuple[int, ...], int]:
    result = made(causes, max_nodes, root)
    return list(result.edges), result.depths, result.hidden


def test_depth_is_the_distance_from_the_cause() -> None:
    assert chain({"a": (), "b": ("a",), "c": ("b",), "d": ("a",)}) == ([(0, 1), (1, 2), (0, 3)], (0, 1, 2, 1), 0)


def test_a_finding_without_a_cause_in_the_chain_stands_at_the_left() -> None:
    assert chain({"a": (), "b": ("f-elsewhere",)}) == ([], (0, 0), 0)


def test_a_cycle_ends() -> None:
    assert chain({"a": ("b",), "b": ("a", "b")}) == ([(1, 0), (0, 1)], (0, 1), 0)


def test_what_does_not_fit_is_counted() -> None:
    assert chain({"a": (), "b": ("a",), "c": ("b",)}, max_nodes=2) == ([(0, 1)], (0, 1), 1)


def test_a_root_that_no_finding_is_about_stands_first_and_leads_to_the_rest() -> None:
    assert chain({"a": (), "b": ("a",), "c": ()}, root="absent") == ([(0, 1), (0, 3), (1, 2)], (0, 1, 2, 1), 0)


def test_walking_puts_each_effect_below_its_cause() -> None:
    walked = made({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("c",)}).walk()
    assert [(node.reason, indent) for node, indent in walked] == [("a", 0), ("b", 1), ("d", 2), ("c", 1), ("e", 2)]


def test_walking_a_cycle_ends() -> None:
    assert [node.reason for node, _ in made({"a": ("b",), "b": ("a",)}).walk()] == ["a", "b"]
