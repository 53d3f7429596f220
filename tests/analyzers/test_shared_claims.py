from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.shared_claims import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

VOLUMES = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]


def claim(*modes: str) -> dict[str, Any]:
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"accessModes": list(modes)}}


def deployment(replicas: int, name: str = "web") -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "app"}], "volumes": VOLUMES}}
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": replicas, "template": template}}


def pod(name: str, node: str, phase: str = "Running") -> dict[str, Any]:
    owner = [{"kind": "Deployment", "name": "web", "controller": True}]
    spec = {"nodeName": node, "containers": [{"name": "app"}], "volumes": VOLUMES}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": owner},
        "spec": spec,
        "status": {"phase": phase},
    }


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


def test_several_pods_that_want_what_one_node_may_have_is_advice() -> None:
    (finding,) = found(claim("ReadWriteOnce"), deployment(2), pod("a", "n1"), pod("b", "n1"))
    assert (str(finding.ref), finding.severity) == ("Deployment default/web", Severity.INFO)


def test_it_is_a_warning_where_one_waits_on_another_node() -> None:
    (finding,) = found(claim("ReadWriteOnce"), deployment(2), pod("a", "n1"), pod("b", "n2", "Pending"))
    assert finding.severity is Severity.WARNING
    assert "They are on n1, n2 now." in finding.cause


def test_two_workloads_share_it_too() -> None:
    (finding,) = found(claim("ReadWriteOncePod"), deployment(1), deployment(1, "other"))
    assert "2 pods want claim data" in finding.title


@pytest.mark.parametrize(
    "manifests",
    [
        [claim("ReadWriteOnce"), deployment(1)],
        [claim("ReadWriteMany"), deployment(2)],
        [claim("ReadWriteOnce", "ReadOnlyMany"), deployment(2)],
        [deployment(2)],
        [claim("ReadWriteOnce"), deployment(0)],
    ],
)
def test_one_pod_or_storage_for_many_is_silent(manifests: list[dict[str, Any]]) -> None:
    assert found(*manifests) == []
