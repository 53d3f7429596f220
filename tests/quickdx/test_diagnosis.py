"""A Diagnosis as a table and beside an earlier one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeagentix.domain.diagnosis import Gap, Target
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import snapshot_of

CLAIM = """
kind: PersistentVolumeClaim
metadata: {{name: {name}, creationTimestamp: '2026-01-10T00:00:00Z'}}
spec: {{storageClassName: gone-{name}, accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
status: {{phase: Pending}}
"""


def diagnosis(*names: str) -> Diagnosis:
    return diagnose_snapshot(snapshot_of(*(CLAIM.format(name=name) for name in names)), Target())


def test_the_frame_has_a_row_for_each_finding_with_its_hypothesis() -> None:
    found = diagnosis("a", "b")
    frame = found.frame()
    assert list(frame.index) == [item.id for item in found.findings]
    assert set(frame["name"]) == {"a", "b"}
    assert set(frame["hypothesis"]) == {1, 2}
    assert (frame["evidence"] > 0).all()


def test_the_frame_of_a_healthy_cluster_is_empty_with_all_its_columns() -> None:
    frame = diagnosis().frame()
    assert len(frame) == 0
    assert "reason" in frame.columns


def test_silence_is_not_health() -> None:
    gap = Gap(what="pods in all namespaces", why="503")
    assert diagnosis().is_healthy
    assert not replace(diagnosis(), gaps=(gap,)).is_healthy
    assert not diagnosis("a").is_healthy


def test_the_difference_tells_what_is_new_and_gone() -> None:
    change = diagnosis("b", "c").diff(diagnosis("a", "b"))
    assert [item.ref.name for item in change.new] == ["c"]
    assert [item.ref.name for item in change.gone] == ["a"]
    assert [item.ref.name for item in change.same] == ["b"]
    assert [item.root.name for item in change.gone_hypotheses] == ["a"]
    assert str(change).splitlines()[0] == "1 gone, 1 new, 1 unchanged"


def test_a_notebook_gets_html_markdown_and_plain_text() -> None:
    bundle = diagnosis("a")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/markdown", "text/html"}
    assert all("ClaimPending" in text for text in bundle.values())


def test_findings_are_found_by_id_and_what_finds_them_is_in_no_report() -> None:
    found = diagnosis("a", "b")
    first, second = found.findings
    before = found.to_json()
    assert found.known((second.id, "f-unknown", first.id, second.id)) == (second, first)
    assert found.finding(first.id) is first
    with pytest.raises(KeyError):
        found.finding("f-unknown")
    assert found.to_json() == before
    assert replace(found, findings=(first,)).known((second.id, first.id)) == (first,)
