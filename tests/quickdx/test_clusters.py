"""Quick Dx on pictures of whole clusters: silent while they are well, and at the root cause when they are not."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.domain.diagnosis import Gap, Severity, Target
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import snapshot_of
from tests.quickdx.pictures import FILES, FORBIDDEN, Manifest, broken, healthy, identity, logs_of, read


def told(diagnosis: Diagnosis) -> list[str]:
    """The findings that count as unhealthy, worst first."""
    return [
        f"{item.severity.value} {item.ref} {item.reason}: {item.title}"
        for item in diagnosis.findings
        if item.severity is not Severity.INFO
    ]


def namespaces(name: str) -> list[str]:
    return sorted({place for _, place, _ in map(identity, healthy(name)) if place})


@pytest.mark.parametrize("name", FILES)
def test_a_healthy_cluster_is_silent(name: str) -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*healthy(name)), Target())
    assert [gap for gap in diagnosis.gaps if "analyzer" in gap.what] == []
    assert told(diagnosis) == []
    assert diagnosis.hypotheses == ()


@pytest.mark.parametrize("name", FILES)
def test_each_namespace_of_it_alone_is_silent(name: str) -> None:
    for namespace in namespaces(name):
        seen = [item for item in healthy(name) if identity(item)[1] in ("", namespace)]
        diagnosis = diagnose_snapshot(snapshot_of(*seen, namespace=namespace), Target(namespace=namespace))
        assert (namespace, told(diagnosis)) == (namespace, [])


@pytest.mark.parametrize("name", FILES)
def test_it_is_silent_to_a_user_of_few_rights(name: str) -> None:
    gaps = [Gap(what=f"{kind} objects", why="403 Forbidden", kind=kind) for kind in FORBIDDEN]
    for namespace in namespaces(name):
        if namespace.startswith("kube-"):
            continue  # those who work there may see the nodes
        seen = [item for item in healthy(name) if identity(item)[1] == namespace and item["kind"] not in FORBIDDEN]
        diagnosis = diagnose_snapshot(snapshot_of(*seen, namespace=namespace, gaps=gaps), Target(namespace=namespace))
        assert (namespace, told(diagnosis)) == (namespace, [])


def faults() -> list[Any]:
    return [
        pytest.param(name, fault, id=f"{name}-{key}") for name in FILES for key, fault in read(name)["faults"].items()
    ]


@pytest.mark.parametrize(("name", "fault"), faults())
def test_a_fault_is_the_first_hypothesis(name: str, fault: Manifest) -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*broken(name, fault), logs=logs_of(fault)), Target())
    assert diagnosis.hypotheses, f"nothing found; wanted {fault['truth']}"
    first = diagnosis.hypotheses[0]
    assert f"{first.root} {diagnosis.finding(first.findings[0]).reason}" == fault["truth"], told(diagnosis)


@pytest.mark.parametrize(("name", "fault"), faults())
def test_a_fault_is_one_hypothesis(name: str, fault: Manifest) -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*broken(name, fault), logs=logs_of(fault)), Target())
    assert len(diagnosis.hypotheses) == 1, told(diagnosis)
