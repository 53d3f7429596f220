"""Certificates that pods mount; with real certificates, made here."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from kubeagentix.analyzers.certificates import analyze
from kubeagentix.demo.certificates import issue_certificate
from kubeagentix.domain.diagnosis import Finding, Severity, Target
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import NOW, log_of, snapshot_of


@cache
def pair(issued_days: int, lasts_days: int) -> tuple[str, str]:
    made = issue_certificate("api.shop.svc", NOW - timedelta(days=issued_days), timedelta(days=lasts_days))
    return base64.b64encode(made[0]).decode(), base64.b64encode(made[1]).decode()


def secret(issued_days: int = 30, lasts_days: int = 365, *, key: str = "", kind: str = "Opaque") -> dict[str, Any]:
    certificate, own = pair(issued_days, lasts_days)
    data = {"tls.crt": certificate, "tls.key": key or own}
    return {"kind": "Secret", "metadata": {"name": "serving"}, "type": kind, "data": data}


def workload(status: dict[str, Any] | None = None, *, ready: bool = True, replicas: int = 1) -> list[dict[str, Any]]:
    volumes = [{"name": "tls", "secret": {"secretName": "serving"}}]
    spec = {"containers": [{"name": "app"}], "volumes": volumes}
    owner = [{"kind": "Deployment", "name": "api", "controller": True}]
    conditions = [{"type": "Ready", "status": str(ready)}]
    return [
        {"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"replicas": replicas, "template": {"spec": spec}}},
        {
            "kind": "Pod",
            "metadata": {"name": "api-x", "ownerReferences": owner},
            "spec": spec,
            "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [status or {"name": "app"}]},
        },
    ]


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


OTHER_KEY = pair(1, 1)[1]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (secret(400, 365), "TLSCertificateExpired"),
        (secret(-2, 365), "TLSCertificateNotYetValid"),
        (secret(340, 365), "TLSCertificateExpiring"),
        (secret(key=OTHER_KEY), "TLSKeyMismatch"),
        ({**secret(kind="kubernetes.io/tls"), "data": {"tls.crt": "eA==", "tls.key": "eA=="}}, "TLSSecretInvalid"),
    ],
)
def test_what_is_wrong_hangs_on_the_secret_and_is_worse_where_its_pods_are_not_ready(
    made: dict[str, Any], reason: str
) -> None:
    (finding,) = found(made, *workload())
    assert (finding.reason, str(finding.ref), finding.severity) == (reason, "Secret default/serving", Severity.WARNING)
    (worse,) = found(made, *workload(ready=False))
    is_only_near = reason == "TLSCertificateExpiring"
    assert worse.severity is (Severity.WARNING if is_only_near else Severity.CRITICAL)


@pytest.mark.parametrize("made", [secret(), secret(10, 90), secret(0, 1), secret(key="eA=="), secret(60, 90)])
def test_certificates_in_their_time_with_their_key_are_silent(made: dict[str, Any]) -> None:
    assert found(made, *workload()) == []


def test_what_nobody_mounts_or_an_ingress_serves_is_left_to_others() -> None:
    assert found(secret(400, 365)) == []
    assert found(secret(400, 365), *workload(replicas=0)[:1]) == []
    ingress = {"kind": "Ingress", "metadata": {"name": "i"}, "spec": {"tls": [{"secretName": "serving"}]}}
    assert found(secret(400, 365), *workload(), ingress) == []


def test_a_server_that_does_not_start_with_its_key_is_a_symptom_of_the_secret() -> None:
    failed = {"terminated": {"exitCode": 1}}
    status = {
        "name": "app",
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": failed,
    }
    line = "2026/01/15 11:58:00 tls: private key does not match public key"
    logs = [log_of("api-x", "app", line, previous=True)]
    pods = workload(status, ready=False)
    diagnosis = diagnose_snapshot(snapshot_of(secret(key=OTHER_KEY), *pods, logs=logs), Target())
    (first,) = diagnosis.hypotheses
    assert [diagnosis.finding(one).reason for one in first.findings][:2] == ["TLSKeyMismatch", "CrashLoopBackOff/Error"]
    well = diagnose_snapshot(snapshot_of(secret(), *pods, logs=logs), Target())
    assert [str(item.root) for item in well.hypotheses] == ["Deployment default/api"]
