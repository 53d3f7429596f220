"""Quick Dx on the demo cluster: every scenario's root cause comes first, by object and by reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.domain.diagnosis import Hypothesis, Severity
from kubeagentix.domain.resources import KINDS

SCENARIOS = tuple(registry.scenarios().values())
BROKEN = [item for item in SCENARIOS if not item.is_healthy]
HEALTHY = [item for item in SCENARIOS if item.is_healthy]


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo() as running:
        yield running


@pytest.fixture(scope="module")
def whole(demo: kx.Demo) -> kx.Diagnosis:
    return kx.diagnose(cluster=demo)


def is_told(truth: Truth, scenario: ScenarioPlugin, hypothesis: Hypothesis, diagnosis: kx.Diagnosis) -> bool:
    root = hypothesis.root
    is_placed = root.kind not in KINDS or KINDS[root.kind].is_namespaced
    namespace = (truth.namespace or scenario.namespace) if is_placed else ""
    is_root = (root.kind, root.namespace, root.name) == (truth.kind, namespace, truth.name)
    return is_root and diagnosis.finding(hypothesis.findings[0]).reason == truth.reason


def told(diagnosis: kx.Diagnosis) -> str:
    lines = [
        f"{item.confidence:.2f} {item.root} {diagnosis.finding(item.findings[0]).reason}"
        for item in diagnosis.hypotheses
    ]
    return "\n".join(lines) or "nothing"


@pytest.mark.parametrize("scenario", BROKEN, ids=lambda item: item.id)
def test_the_root_cause_is_the_first_hypothesis_of_its_namespace(scenario: ScenarioPlugin, demo: kx.Demo) -> None:
    diagnosis = kx.diagnose(namespace=scenario.namespace, cluster=demo)
    assert diagnosis.hypotheses, f"nothing found; wanted {scenario.truths}"
    first = diagnosis.hypotheses[0]
    assert any(is_told(truth, scenario, first, diagnosis) for truth in scenario.truths), told(diagnosis)


@pytest.mark.parametrize("scenario", BROKEN, ids=lambda item: item.id)
def test_one_incident_is_one_hypothesis(scenario: ScenarioPlugin, demo: kx.Demo) -> None:
    diagnosis = kx.diagnose(namespace=scenario.namespace, cluster=demo)
    assert len(diagnosis.hypotheses) == len(scenario.truths), told(diagnosis)


@pytest.mark.parametrize("scenario", HEALTHY, ids=lambda item: item.id)
def test_a_healthy_workload_gives_no_finding_of_warning_or_more(scenario: ScenarioPlugin, demo: kx.Demo) -> None:
    diagnosis = kx.diagnose(namespace=scenario.namespace, cluster=demo)
    assert [item.title for item in diagnosis.findings if item.severity is not Severity.INFO] == []
    assert diagnosis.hypotheses == ()


def test_all_at_once_every_root_cause_is_told_and_nothing_else(whole: kx.Diagnosis) -> None:
    wanted = [(truth, scenario) for scenario in BROKEN for truth in scenario.truths]
    missed = [
        f"{scenario.id}: {truth}"
        for truth, scenario in wanted
        if not any(is_told(truth, scenario, item, whole) for item in whole.hypotheses)
    ]
    invented = [
        f"{item.root} {item.title}"
        for item in whole.hypotheses
        if not any(is_told(truth, scenario, item, whole) for truth, scenario in wanted)
    ]
    assert (missed, invented) == ([], [])


def test_the_demo_has_no_gap(whole: kx.Diagnosis) -> None:
    assert whole.gaps == ()


def test_every_hypothesis_rests_on_evidence_and_offers_a_command_that_reads(whole: kx.Diagnosis) -> None:
    for hypothesis in whole.hypotheses:
        findings = [whole.finding(one) for one in hypothesis.findings]
        assert all(finding.evidence for finding in findings), hypothesis.title
        remedies = [remedy for finding in findings for remedy in finding.remedies]
        assert remedies, hypothesis.title
        assert remedies[0].effect == "read", hypothesis.title


def test_a_saved_snapshot_gives_the_same_answer_elsewhere(demo: kx.Demo, tmp_path: Path) -> None:
    snapshot = kx.take_snapshot(demo)
    kx.save(snapshot, tmp_path / "incident.json.gz")
    here, there = kx.diagnose(cluster=snapshot), kx.diagnose(cluster=kx.load(tmp_path / "incident.json.gz"))
    assert here.findings == there.findings
    assert here.hypotheses == there.hypotheses
    assert here.gaps == there.gaps


def test_the_edit_that_came_before_is_told_with_its_editor(demo: kx.Demo) -> None:
    first = kx.diagnose(namespace="rates", cluster=demo).hypotheses[0]
    assert "ConfigMap rates/pricing-settings was changed (by kubectl-edit)" in first.summary
    assert any("was changed before" in term.label for term in first.breakdown)


def test_a_picture_that_was_saved_and_so_masked_leads_to_the_same_answer(demo: kx.Demo, tmp_path: Path) -> None:
    picture = kx.take_snapshot(demo)
    kx.save(picture, tmp_path / "incident.json.gz")
    before, after = kx.diagnose(cluster=picture), kx.diagnose(cluster=kx.load(tmp_path / "incident.json.gz"))
    assert [(item.id, item.confidence) for item in after.hypotheses] == [
        (item.id, item.confidence) for item in before.hypotheses
    ]
    assert [(item.id, item.reason) for item in after.findings] == [(item.id, item.reason) for item in before.findings]
