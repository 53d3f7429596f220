"""Containers that count as well, and whose logs say that they try one connection again and again, in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.causes import explain
from kubeagentix.analysis.connections import failed_connections, keeps_retrying
from kubeagentix.analysis.containers import keeps_ending, restless_containers
from kubeagentix.analysis.troubles import Trouble, edit_workload, findings, log_evidence, read_log
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import Snapshot


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload, container and reason: `ConnectionFailing/ConnectionRefused` and its like."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    failed = {(item.client.namespace, item.client.name, item.container): item for item in failed_connections(snapshot)}
    for container in restless_containers(snapshot) if failed else ():
        item = failed.get((container.pod.namespace, container.pod.name, container.name))
        if item is None or not container.status.ready or container.running is None or item.is_previous:
            continue
        if keeps_ending(container, snapshot.taken_at):  # the analyzer of crashes tells it
            continue
        if not keeps_retrying(snapshot, container.pod, container.name):  # it tells of a failure that is over
            continue
        story = explain(snapshot, container, item.failure)
        yield Trouble(
            pod=container.pod,
            part=container.name,
            reason=f"ConnectionFailing/{item.signature}",
            title=f"{container.label} runs and keeps trying in vain: {story.phrase}",
            cause=f"{story.cause} It counts as ready, as no probe of it asks for this.",
            evidence=log_evidence(snapshot, container, item.failure),
            severity=Severity.WARNING,
            confidence=0.8,
            remedies=(
                read_log(container, of_last_life=False),
                *story.remedies,
                edit_workload(snapshot, container.pod, f"the settings of {container.label}"),
            ),
            points_at=story.points_at,
        )


plugin = AnalyzerPlugin(id="retries", title="Containers that only retry", analyze=analyze)
