from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.claim_resizes import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

REFUSED = {
    "kind": "Event",
    "metadata": {"name": "e"},
    "type": "Warning",
    "reason": "VolumeResizeFailed",
    "message": "resize volume failed: rpc error: code = OutOfRange desc = no space in the pool",
    "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data"},
}


def claim(wants: str = "20Gi", *conditions: dict[str, str], phase: str = "Bound") -> dict[str, Any]:
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"resources": {"requests": {"storage": wants}}, "storageClassName": "fast"},
        "status": {"phase": phase, "capacity": {"storage": "10Gi"}, "conditions": list(conditions)},
    }


def condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "message": "Waiting for user"}


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize(
    ("kind", "severity"), [("FileSystemResizePending", Severity.INFO), ("ControllerResizeError", Severity.WARNING)]
)
def test_a_condition_says_what_it_waits_for(kind: str, severity: Severity) -> None:
    (finding,) = found(claim("20Gi", condition(kind)), REFUSED)
    assert (finding.reason, finding.severity) == (f"ClaimResize/{kind}", severity)


def test_an_event_alone_tells_of_a_failure() -> None:
    (finding,) = found(claim(), REFUSED)
    assert (finding.reason, finding.severity) == ("ClaimResize/VolumeResizeFailed", Severity.WARNING)
    assert "asks for 20Gi and has 10Gi" in finding.cause


def test_what_has_grown_since_or_is_not_bound_or_only_on_its_way_is_silent() -> None:
    assert found(claim("10Gi"), REFUSED) == []
    assert found(claim(phase="Pending"), REFUSED) == []
    assert found(claim()) == found(claim("20Gi", condition("Resizing"))) == []
