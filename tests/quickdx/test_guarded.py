"""An analyzer of one's own that misbehaves costs its findings at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Gap, ResourceRef, Target
from kubeagentix.domain.making import finding
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx import guarded
from kubeagentix.quickdx.guarded import run_guarded
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import snapshot_of

REF = ResourceRef(kind="Pod", namespace="shop", name="web")
GOOD = finding(REF, "Seen", "is seen", points_at=REF)

changed: Any = replace  # for what no type checker lets pass


def run(analyze: Callable[[Snapshot], Iterable[Any]]) -> tuple[list[Finding], list[Gap]]:
    return run_guarded(AnalyzerPlugin(id="mine", title="Mine", analyze=analyze, source="this notebook"), snapshot_of())


def raises(_: Snapshot) -> Iterable[Finding]:
    raise ValueError("no\nway")


def raises_midway(_: Snapshot) -> Iterator[Finding]:
    yield GOOD
    raise SystemExit("enough")


@pytest.mark.parametrize(
    ("analyze", "count", "why"),
    [
        (raises, 0, f"ValueError: no way (line {raises.__code__.co_firstlineno + 1})"),
        (raises_midway, 1, f"SystemExit: enough (line {raises_midway.__code__.co_firstlineno + 2})"),
        (lambda _: None, 0, "TypeError: 'NoneType' object is not iterable"),
        (lambda _: [GOOD, "web is bad", GOOD], 2, "it yields 'web is bad', which is no Finding; kx.finding(object,"),
        (lambda _: GOOD, 0, "TypeError: 'Finding' object is not iterable"),
        (lambda _: [changed(GOOD, severity="critical")], 0, "it yields a Finding whose severity is 'critical'"),
        (lambda _: [changed(GOOD, ref="web")], 0, "it yields a Finding whose ref is 'web'"),
        (lambda _: [changed(GOOD, confidence=90)], 0, "it yields a Finding whose confidence is 90"),
        (lambda _: [changed(GOOD, since=datetime(2026, 1, 1))], 0, "it yields a Finding whose since is datetime"),
        (lambda _: [changed(GOOD, evidence=())], 0, "it yields a Finding whose evidence is ()"),
        (lambda _: [changed(GOOD, evidence=["x"])], 0, "it yields a Finding whose evidence is ['x']"),
        (lambda _: [changed(GOOD, points_at=(None,))], 0, "it yields a Finding whose points_at is (None,)"),
        (lambda _: [changed(GOOD, cause=None)], 0, "it yields Finding whose cause is None"),
        (lambda _: [changed(GOOD, evidence=(changed(GOOD.evidence[0], excerpt=5),))], 0, "whose excerpt is 5"),
        (lambda _: [changed(GOOD, points_at=(changed(REF, name=None),))], 0, "ResourceRef whose name is None"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_a_gap_and_what_was_right_counts(
    analyze: Callable[[Snapshot], Iterable[Any]], count: int, why: str
) -> None:
    found, gaps = run(analyze)
    assert [item.analyzer for item in found] == ["mine"] * count
    assert [gap.what for gap in gaps] == ["analyzer mine of this notebook"]
    assert why in gaps[0].why


def test_nothing_goes_wrong() -> None:
    found, gaps = run(lambda _: (GOOD,))
    assert (len(found), gaps) == (1, [])


def spins(_: Snapshot) -> Iterator[Finding]:
    yield GOOD
    while True:
        pass


def sleeps(_: Snapshot) -> Iterator[Finding]:
    time.sleep(1)
    yield GOOD


def floods(_: Snapshot) -> Iterator[Finding]:
    while True:
        yield GOOD


@pytest.mark.parametrize(("analyze", "count"), [(spins, 1), (sleeps, 0)])
def test_an_endless_one_is_left_behind_and_ends(
    analyze: Callable[[Snapshot], Iterable[Finding]], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "DEADLINE_S", 0.2)
    began = time.monotonic()
    found, gaps = run(analyze)
    assert time.monotonic() - began < 0.9
    assert len(found) == count
    assert gaps[0].why == "it did not end within 0 s"
    deadline = time.monotonic() + 5
    while any(thread.name == "analyzer mine" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_flood_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "MAX_FINDINGS", 50)
    found, gaps = run(floods)
    assert len({item.id for item in found}) == 50
    assert gaps[0].why == "it yields more than 50 findings; the rest is left out"


def test_the_run_goes_on_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = AnalyzerPlugin(id="mine", title="Mine", analyze=raises_midway, source="this notebook")
    monkeypatch.setattr("kubeagentix.quickdx.pipeline.own_analyzers", lambda: (plugin,))
    found = diagnose_snapshot(snapshot_of({"kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}}), Target())
    assert "Seen" in {item.reason for item in found.findings}
    assert [gap.what for gap in found.gaps] == ["analyzer mine of this notebook"]
