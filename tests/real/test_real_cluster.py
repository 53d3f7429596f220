"""Quick Dx on a real Kubernetes: broken workloads are explained, healthy ones are left in peace."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix.domain.diagnosis import Finding, Hypothesis, Severity
from tests.real.cases import CASES, Case

KUBECONFIG = os.environ.get("KUBEAGENTIX_TEST_KUBECONFIG", "")
KUBECTL = Path(sys.executable).parent / "kubectl"
BREWING_S = 150  # within which a fault must have shown itself; a crash loop alternates, so all is polled

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster"),
]


def kubectl(*arguments: str, text: str | None = None) -> str:
    command = [str(KUBECTL), "--kubeconfig", KUBECONFIG, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return str(done.stdout)


@pytest.fixture(scope="module")
def namespaces() -> Iterator[Mapping[str, str]]:
    """Every case's workloads, all at once, each in a namespace of its own: name of the case → namespace."""
    run = uuid.uuid4().hex[:5]
    places = {case.name: f"t{index}-{run}" for index, case in enumerate(CASES)}
    try:
        for case in CASES:
            kubectl("create", "namespace", places[case.name])
        for case in CASES:
            manifests = case.manifests.replace("NAMESPACE", places[case.name])
            kubectl("apply", "-n", places[case.name], "-f", "-", text=manifests)
        yield places
    finally:
        kubectl("delete", "namespace", "--wait=false", *places.values())


def first_hypothesis(namespace: str, diagnosis: kx.Diagnosis) -> Hypothesis | None:
    mine = [item for item in diagnosis.hypotheses if item.root.namespace == namespace]
    return mine[0] if mine else None


def describe(hypothesis: Hypothesis | None, diagnosis: kx.Diagnosis) -> tuple[str, str]:
    if hypothesis is None:
        return ("", "")
    finding: Finding = diagnosis.finding(hypothesis.findings[0])
    return (f"{hypothesis.root.kind}/{hypothesis.root.name}", finding.reason)


@pytest.mark.parametrize("case", [case for case in CASES if case.root], ids=lambda case: case.name)
def test_the_root_cause_is_named_by_object_and_reason(case: Case, namespaces: Mapping[str, str]) -> None:
    namespace = namespaces[case.name]
    with kx.connect(kubeconfig=KUBECONFIG) as cluster:
        deadline = time.monotonic() + BREWING_S
        while True:
            diagnosis = kx.diagnose(namespace=namespace, cluster=cluster)
            root, reason = describe(first_hypothesis(namespace, diagnosis), diagnosis)
            if (root, reason.split("/")[: len(case.reason.split("/"))]) == (case.root, case.reason.split("/")):
                break
            assert time.monotonic() < deadline, f"{root} {reason}\n{diagnosis.to_text()}"
            time.sleep(2)
    assert all(gap.why for gap in diagnosis.gaps)


def test_all_at_once_every_broken_namespace_has_its_own_first_hypothesis(namespaces: Mapping[str, str]) -> None:
    broken = {case.name: case for case in CASES if case.root}
    with kx.connect(kubeconfig=KUBECONFIG) as cluster:
        deadline = time.monotonic() + BREWING_S
        while True:
            diagnosis = kx.diagnose(all_namespaces=True, cluster=cluster)
            found = {name: describe(first_hypothesis(namespaces[name], diagnosis), diagnosis) for name in broken}
            wrong = {name: one for name, one in found.items() if one[0] != broken[name].root}
            if not wrong:
                break
            assert time.monotonic() < deadline, wrong
            time.sleep(2)


def test_healthy_workloads_and_the_system_are_left_in_peace(namespaces: Mapping[str, str]) -> None:
    with kx.connect(kubeconfig=KUBECONFIG) as cluster:
        kubectl("wait", "-n", namespaces["healthy"], "--for=condition=Available", "deployment/web", "--timeout=60s")
        kubectl("wait", "-n", namespaces["healthy"], "--for=condition=Complete", "job/seed", "--timeout=60s")
        for namespace in (namespaces["healthy"], "kube-system"):
            diagnosis = kx.diagnose(namespace=namespace, cluster=cluster)
            assert diagnosis.hypotheses == ()
            assert [item for item in diagnosis.findings if item.severity is not Severity.INFO] == []
