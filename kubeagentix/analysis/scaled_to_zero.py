"""Workloads that are scaled to zero: a choice, as a rule, unless somebody is seen to ask for them in vain."""

from __future__ import annotations

from collections.abc import Mapping

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.connections import FailedConnection, missed_by
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.snapshot import Snapshot

CLIENTS_SHOWN = 3


def scaled_to_zero(snapshot: Snapshot, analyzer: str, ref: ResourceRef, labels: Mapping[str, str]) -> Finding:
    """The Finding on a workload whose pods would have `labels`: `info`, or critical if a client is refused there."""
    missed = _asked_for(snapshot, ref.namespace, labels)
    clients = workloads_of(snapshot, (item.client for item in missed))
    names = ", ".join(str(item) for item in clients[:CLIENTS_SHOWN])
    return Finding.of(
        analyzer=analyzer,
        reason="ScaledToZero",
        ref=ref,
        title=f"{ref} is scaled to zero" + (f", and {names} needs it" if missed else ""),
        severity=Severity.CRITICAL if missed else Severity.INFO,
        confidence=0.9 if missed else 0.95,
        cause="spec.replicas is 0: nobody is meant to run" + (f", though {names} connects to it." if missed else "."),
        evidence=(
            Evidence.of(ref, "spec", "replicas: 0", locator="spec.replicas"),
            *(item.evidence(snapshot) for item in missed[:CLIENTS_SHOWN]),
        ),
        remedies=(
            kubectl.describe(ref, "its events tell who scaled it"),
            kubectl.write("Run it again", f"scale {ref.kind.lower()}/{ref.name} --replicas=1", ref.namespace),
        ),
    )


def _asked_for(snapshot: Snapshot, namespace: str, labels: Mapping[str, str]) -> list[FailedConnection]:
    """The connections that failed at a Service that selects such pods."""
    services = {
        snapshot.ref(service)
        for service in snapshot.in_namespace(Service, namespace)
        if service.spec.selector and service.spec.selector.items() <= labels.items()
    }
    return [item for service in sorted(services) for item in missed_by(snapshot, service)]
