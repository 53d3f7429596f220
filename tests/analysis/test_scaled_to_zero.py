"""Workloads scaled to zero: a choice, until somebody is refused there."""

from __future__ import annotations

from kubeagentix.analysis.scaled_to_zero import scaled_to_zero
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import log_of, snapshot_of

SERVICE = "kind: Service\nmetadata: {name: api}\nspec: {selector: {app: api}, ports: [{port: 80}]}"
CLIENT = """
kind: Pod
metadata: {name: shop}
spec: {containers: [{name: app}]}
status: {containerStatuses: [{name: app, lastState: {terminated: {exitCode: 1}}}]}
"""


def found(host: str, *, kind: str = "Deployment", app: str = "api") -> Finding:
    log = log_of("shop", "app", f"ERROR connect to {host}:80: connection refused")
    snapshot = snapshot_of(SERVICE, CLIENT, f"{{kind: {kind}, metadata: {{name: api}}}}", logs=[log])
    return scaled_to_zero(snapshot, "test", snapshot.named(kind, "default", "api"), {"app": app, "tier": "back"})


def test_it_is_critical_if_a_client_is_refused_by_its_service() -> None:
    finding = found("api")
    assert finding.severity is Severity.CRITICAL
    assert finding.title == "Deployment default/api is scaled to zero, and Pod default/shop needs it"
    assert finding.evidence[-1].source == "log"


def test_it_is_information_if_nobody_asks_for_it() -> None:
    assert found("elsewhere").severity is Severity.INFO
    assert found("api", app="other").severity is Severity.INFO


def test_it_is_scaled_up_by_its_own_kind() -> None:
    assert "scale statefulset/api --replicas=1" in found("api", kind="StatefulSet").remedies[-1].command
