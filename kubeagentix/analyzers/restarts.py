"""Containers that have been restarted often, when nothing better is known of it (as Popeye's P205)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.containers import (
    PodContainer,
    ended_recently,
    exit_meaning,
    is_isolated,
    is_out_of_memory,
    keeps_ending,
    restless_containers,
)
from kubeagentix.analysis.troubles import Trouble, describe_pod, end_evidence, findings, log_evidence, read_log
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import Snapshot

ALLOWED_RESTARTS = 5  # Popeye's default limit


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One `Restarts` symptom per workload and container, if the last restart is less than an hour old."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        end = container.last_end
        is_often = container.status.restart_count > ALLOWED_RESTARTS and ended_recently(container, snapshot.taken_at)
        if end is None or not is_often or is_isolated(end) or _is_explained(snapshot, container):
            continue
        _, words = exit_meaning(end)
        count = container.status.restart_count
        yield Trouble(
            pod=container.pod,
            part=container.name,
            reason="Restarts",
            title=f"{container.label} has been restarted {count} times",
            cause=f"It runs now, but was restarted within the hour; its last end: {words}.",
            evidence=(
                end_evidence(snapshot, container, end, f"ended: {words}"),
                *log_evidence(snapshot, container, None),
            ),
            severity=Severity.WARNING,
            confidence=0.5,
            remedies=(read_log(container), describe_pod(snapshot, container.pod)),
            is_symptom=True,
        )


def _is_explained(snapshot: Snapshot, container: PodContainer) -> bool:
    # Each of these states has an analyzer of its own.
    return keeps_ending(container, snapshot.taken_at) or is_out_of_memory(snapshot, container)


plugin = AnalyzerPlugin(id="restarts", title="Containers restarted often", analyze=analyze, scope="workload")
