"""Quick Dx on a real Kubernetes: broken workloads are explained, healthy ones are left in peace.

All workloads are made at once and looked at twice: all in one diagnosis, and each namespace by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest

import kubeagentix as kx
from kubeagentix.cluster import connection
from kubeagentix.domain.diagnosis import Severity
from tests.cluster.real.cases import BROKEN, CASES, HEALTHY, Case
from tests.cluster.real.lab import KUBECONFIG, workloads

BREWING_S = 240  # within which every fault must have shown itself, with all of them starting on one node
FLAPPING_S = 40  # a crash loop alternates between its states, so one namespace is polled, too

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster"),
]

Said = list[tuple[str, str]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[kx.Cluster]:
    with connection.connect(kubeconfig=KUBECONFIG) as connected:  # kx.connect would leave it the current one
        yield connected


@pytest.fixture(scope="module")
def places() -> Iterator[Mapping[str, str]]:
    with workloads(CASES) as made:
        yield made


@pytest.fixture(scope="module")
def whole(cluster: kx.Cluster, places: Mapping[str, str]) -> kx.Diagnosis:
    """The first diagnosis of the whole cluster that is right about every case, or the last one in the time."""
    deadline = time.monotonic() + BREWING_S
    while True:
        diagnosis = kx.diagnose(all_namespaces=True, cluster=cluster)
        if all(is_right(case, said_of(places[case.name], diagnosis)) for case in BROKEN):
            return diagnosis
        if time.monotonic() > deadline:
            return diagnosis
        time.sleep(2)


def said_of(namespace: str, diagnosis: kx.Diagnosis) -> Said:
    """Root and reason of each hypothesis in a namespace, best first."""
    return [
        (f"{item.root.kind}/{item.root.name}", diagnosis.finding(item.findings[0]).reason)
        for item in diagnosis.hypotheses
        if item.root.namespace == namespace
    ]


def is_right(case: Case, said: Said) -> bool:
    """Whether the case's root is the one thing said, with its reason or a finer one."""
    return len(said) == 1 and said[0][0] == case.root and f"{said[0][1]}/".startswith(f"{case.reason}/")


def alarms(namespace: str, diagnosis: kx.Diagnosis) -> list[str]:
    return [
        f"{item.ref.kind}/{item.ref.name} {item.reason}: {item.title}"
        for item in diagnosis.findings
        if item.severity is not Severity.INFO and item.ref.namespace == namespace
    ]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_all_at_once_every_fault_is_named_by_object_and_reason(
    case: Case, places: Mapping[str, str], whole: kx.Diagnosis
) -> None:
    said = said_of(places[case.name], whole)
    assert is_right(case, said), f"{case.root} {case.reason} is true, {said} was said"


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_one_by_one_every_fault_is_named_by_object_and_reason(
    case: Case, cluster: kx.Cluster, places: Mapping[str, str]
) -> None:
    deadline = time.monotonic() + FLAPPING_S
    while True:
        diagnosis = kx.diagnose(namespace=places[case.name], cluster=cluster)
        said = said_of(places[case.name], diagnosis)
        if is_right(case, said):
            break
        assert time.monotonic() < deadline, f"{case.root} {case.reason} is true:\n{diagnosis.to_text()}"
        time.sleep(2)
    assert all(gap.why for gap in diagnosis.gaps)


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.name)
def test_healthy_workloads_are_left_in_peace(
    case: Case, cluster: kx.Cluster, places: Mapping[str, str], whole: kx.Diagnosis
) -> None:
    namespace = places[case.name]
    assert alarms(namespace, whole) == []
    alone = kx.diagnose(namespace=namespace, cluster=cluster)
    assert (said_of(namespace, alone), alarms(namespace, alone)) == ([], [])


def test_the_system_is_left_in_peace(cluster: kx.Cluster, whole: kx.Diagnosis) -> None:
    assert alarms("kube-system", whole) == []
    alone = kx.diagnose(namespace="kube-system", cluster=cluster)
    assert (said_of("kube-system", alone), alarms("kube-system", alone)) == ([], [])
