"""Pods whose sandbox (their network namespace and runtime) cannot be made, so that no container can be created."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.containers import blocking_event
from kubeagentix.analysis.network_daemons import network_daemons
from kubeagentix.analysis.node_life import is_excused
from kubeagentix.analysis.restless import restless_pods
from kubeagentix.analysis.troubles import Trouble, describe_pod, edit_workload, event_evidence, findings, sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Remedy, ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

_REASON = "FailedCreatePodSandBox"
_EVENTS = (_REASON, "NetworkNotReady")

_MEMORY_LIMIT = "/MemoryLimit"
# (refinement, words, pattern), in the order to try.
_MESSAGES = (
    (
        _MEMORY_LIMIT,
        "the pod's memory limit is too low even for its sandbox",
        r"OOM-killed|memory limit too low|cannot allocate memory",
    ),
    (
        "/NoIPAvailable",
        "the pod network has no free IP address",
        (
            r"no (?:available |free |more )?IP(?:s\b| address(?:es)?)|failed to (?:allocate|assign) (?:for |an? IP)"
            r"|not enough (?:free )?IPs?|range is full|InsufficientFreeAddresses|IP(?:AM)? .*exhausted"
        ),
    ),
    (
        "/RuntimeClass",
        "its runtime class has no handler on the node",
        r"no runtime for|runtime ?handler|runtimeclass|unknown runtime specified|failed to get sandbox runtime",
    ),
    (
        "/CNI",
        "the network plugin of the node fails",
        r"\bcni\b|network ?plugin|set ?up (?:pod )?network|network for (?:sandbox|pod)|plugin type=|network is not",
    ),
)
_PATTERNS = tuple((name, words, re.compile(pattern, re.IGNORECASE)) for name, words, pattern in _MESSAGES)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload: `FailedCreatePodSandBox` and its refinements."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for pod in restless_pods(snapshot):
        event = blocking_event(snapshot, pod, *_EVENTS)
        if event is not None and _is_lasting(snapshot, pod) and not is_excused(snapshot, pod):
            yield _trouble(snapshot, pod, event)


def _is_lasting(snapshot: Snapshot, pod: Pod) -> bool:
    # One failure is what a restarting network plugin causes; the kubelet then tries again.
    return sum(event.times for event in snapshot.events_for(pod) if event.reason in _EVENTS) > 1


def _trouble(snapshot: Snapshot, pod: Pod, event: Event) -> Trouble:
    known = ((name, words) for name, words, pattern in _PATTERNS if pattern.search(event.message))
    refinement, words = next(known, ("", "the sandbox fails"))
    return Trouble(
        pod=pod,
        part="",
        reason=f"{_REASON}{refinement}",
        title=f"pods cannot be created on their node: {words}",
        cause=f"The kubelet of {pod.spec.node_name or 'the node'} says: {sentence(event.message)}",
        evidence=(event_evidence(snapshot, event, pod),),
        confidence=0.9 if refinement else 0.75,
        remedies=(describe_pod(snapshot, pod), _next_step(snapshot, pod, refinement)),
        points_at=tuple(_suspects(snapshot, pod, refinement)),
        since=event.first_timestamp,
    )


def _next_step(snapshot: Snapshot, pod: Pod, refinement: str) -> Remedy:
    if refinement == _MEMORY_LIMIT:
        return edit_workload(snapshot, pod, "the memory limits of its containers")
    return kubectl.read("See the node's own pods", f"get pods -A --field-selector spec.nodeName={pod.spec.node_name}")


def _suspects(snapshot: Snapshot, pod: Pod, refinement: str) -> Iterator[ResourceRef]:
    if refinement == "/RuntimeClass" and pod.spec.runtime_class_name:
        yield snapshot.named("RuntimeClass", "", pod.spec.runtime_class_name)
    if pod.spec.node_name and refinement in ("/CNI", "/NoIPAvailable"):
        yield from snapshot.derived(network_daemons, pod.spec.node_name)
    if pod.spec.node_name and refinement != _MEMORY_LIMIT:
        yield snapshot.named("Node", "", pod.spec.node_name)


plugin = AnalyzerPlugin(id="sandboxes", title="Pods whose sandbox cannot be made", analyze=analyze, scope="workload")
