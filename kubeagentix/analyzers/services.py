"""Services that lead nowhere, and why: a selector that misses, pods that are not ready, ports nobody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.backends import NEW_SERVICE_GRACE_S, backing_of, knows_pods
from kubeagentix.analysis.connections import missed_by
from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.selectors import (
    Candidate,
    NearMiss,
    candidates,
    matching,
    nearest,
    served,
)
from kubeagentix.analysis.service_users import is_for_nobody, users_of
from kubeagentix.analysis.shortfall import (
    describe_age,
    earliest,
    is_older_than,
    pod_evidence,
    unready_since,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "services"
USERS_SHOWN = 3
LOAD_BALANCER_GRACE_S = 300.0  # clouds take minutes to build one


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Service and reason."""
    for service in snapshot.all(Service):
        if service.metadata.deletion_timestamp is not None or service.spec.type == "ExternalName":
            continue
        yield from _load_balancer(snapshot, service)
        if service.spec.selector and knows_pods(snapshot, service):
            yield from _backends(snapshot, service)


def _backends(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    backing = backing_of(snapshot, service)
    if backing.pods:
        yield from _broad(snapshot, service, backing.workloads)
        if backing.is_empty:
            yield from _not_ready(snapshot, service, backing.pods)
    elif backing.is_empty and is_older_than(
        service.metadata.creation_timestamp, NEW_SERVICE_GRACE_S, snapshot.taken_at
    ):
        selected = snapshot.pods_selected(service.namespace, service.spec.selector)
        if not any(pod.is_terminating for pod in selected):  # they are about to be replaced, or the Service to go
            yield _ended(snapshot, service, selected) if selected else _no_pods(snapshot, service)


def _ended(snapshot: Snapshot, service: Service, pods: tuple[Pod, ...]) -> Finding:
    ref, workloads = snapshot.ref(service), workloads_of(snapshot, pods)
    ended_well = all(pod.status.phase == "Succeeded" for pod in pods)
    return Finding.of(
        analyzer=ID,
        reason="NoEndpoints/NoPods",
        ref=ref,
        title=f"{ref} has no endpoints: all pods that it selects have ended",
        severity=Severity.INFO if ended_well else Severity.CRITICAL,
        confidence=0.8,
        cause="Pods that have ended take no traffic: " + ", ".join(str(item) for item in workloads[:3]) + ".",
        evidence=(
            _selector_evidence(ref, service),
            *(
                Evidence.of(snapshot.ref(pod), "status", f"{pod.name} is {pod.status.phase}", locator="status.phase")
                for pod in pods[:3]
            ),
        ),
        remedies=tuple(kubectl.describe(item) for item in workloads[:2]),
        points_at=workloads,
        is_symptom=not ended_well,
    )


def _no_pods(snapshot: Snapshot, service: Service) -> Finding:
    among = candidates(snapshot, service.namespace)
    meant = matching(service.spec.selector, among)
    if meant:
        return _empty_workloads(snapshot, service, meant)
    taken = served(snapshot, service.namespace)
    miss = nearest(service.spec.selector, among, name=service.name, served=taken)
    return _mismatch(snapshot, service, miss) if miss is not None else _nobody(snapshot, service)


def _empty_workloads(snapshot: Snapshot, service: Service, meant: tuple[Candidate, ...]) -> Finding:
    is_off = all(item.replicas == 0 for item in meant)
    missed = missed_by(snapshot, snapshot.ref(service))
    is_on_purpose = is_off and not missed
    names = ", ".join(str(item.ref) for item in meant)
    ref = snapshot.ref(service)
    return Finding.of(
        analyzer=ID,
        reason="NoEndpoints/NoPods",
        ref=ref,
        title=f"{ref} has no endpoints: {names} "
        + ("is scaled to zero" if is_off else "has no pods, though it wants some"),
        severity=Severity.INFO if is_on_purpose else Severity.CRITICAL,
        confidence=0.9,
        cause=f"The selector is right, but {names} has no running pods.",
        evidence=(
            _selector_evidence(ref, service),
            *(
                Evidence.of(
                    item.ref, "spec", f"{item.replicas} replicas wanted, {item.pods} pods", locator="spec.replicas"
                )
                for item in meant[:3]
            ),
            *(item.evidence(snapshot) for item in missed[:2]),
        ),
        remedies=tuple(kubectl.describe(item.ref) for item in meant[:3]),
        points_at=tuple(item.ref for item in meant),
        is_symptom=not is_on_purpose,
    )


def _mismatch(snapshot: Snapshot, service: Service, miss: NearMiss) -> Finding:
    ref, nearest_ref = snapshot.ref(service), miss.candidate.ref
    got = kubectl.labels_argument(dict(miss.candidate.labels))
    return Finding.of(
        analyzer=ID,
        reason="NoEndpoints/SelectorMismatch",
        ref=ref,
        title=f"{ref} has no endpoints: its selector misses {nearest_ref} ({miss.in_words()})",
        severity=Severity.CRITICAL,
        confidence=0.8,
        cause=f"No pod has all labels of the selector. Nearest is {nearest_ref}: {miss.in_words()}.",
        evidence=(
            _selector_evidence(ref, service),
            Evidence.of(nearest_ref, "spec", f"its pods are labelled {got}", locator="spec.template.metadata.labels"),
            *(item.evidence(snapshot) for item in missed_by(snapshot, ref)[:2]),
        ),
        remedies=(
            kubectl.read("See the pods' labels", "get pods --show-labels", ref.namespace),
            kubectl.select(ref, miss.correction(), nearest_ref),
        ),
    )


def _nobody(snapshot: Snapshot, service: Service) -> Finding:
    ref, missed = snapshot.ref(service), missed_by(snapshot, snapshot.ref(service))
    users = users_of(snapshot, service)
    names = ", ".join(str(user) for user in users[:USERS_SHOWN])
    # A headless one only gives names; charts make them for components that managed clusters do not show.
    is_quiet = service.spec.cluster_ip == "None" or is_for_nobody(snapshot, service)
    return Finding.of(
        analyzer=ID,
        reason="NoEndpoints/NoPods",
        ref=ref,
        title=f"{ref} has no endpoints: no pod and no workload has the labels it asks for",
        severity=Severity.CRITICAL if missed else Severity.INFO if is_quiet else Severity.WARNING,
        confidence=0.8,
        cause="Nothing in the namespace resembles the selector; what it stood for may have been removed, or is yet "
        f"to come. {f'It is named by {names}' if names else 'Nothing that was read names it'}.",
        evidence=(
            _selector_evidence(ref, service),
            *(item.evidence(snapshot) for item in missed[:2]),
            *(Evidence.of(user, "spec", f"{user} names {ref}") for user in users[:USERS_SHOWN]),
        ),
        remedies=(kubectl.read("See the pods' labels", "get pods --show-labels", ref.namespace), kubectl.describe(ref)),
    )


def _not_ready(snapshot: Snapshot, service: Service, pods: tuple[Pod, ...]) -> Iterator[Finding]:
    late = late_pods(snapshot, pods)
    if not late or any(pod.is_ready for pod in pods):
        return
    ref, since = snapshot.ref(service), earliest(unready_since(pod) for pod in late)
    workloads = workloads_of(snapshot, pods)
    yield Finding.of(
        analyzer=ID,
        reason="NoEndpoints/PodsNotReady",
        ref=ref,
        title=f"{ref} has no ready endpoints: none of its {len(pods)} pod{'s' if len(pods) != 1 else ''} is ready"
        f"{describe_age(since, snapshot.taken_at)}",
        severity=Severity.CRITICAL,
        confidence=0.6,
        cause=f"Traffic goes to ready pods only, and {', '.join(str(item) for item in workloads)} has none.",
        evidence=(_selector_evidence(ref, service), *pod_evidence(snapshot, late)),
        remedies=(
            kubectl.read("See its pods", f"get pods -o wide -l {_labels(service)}", ref.namespace),
            *(kubectl.describe(item) for item in workloads[:2]),
        ),
        points_at=workloads,
        is_symptom=True,
        since=since,
    )


def _broad(snapshot: Snapshot, service: Service, workloads: tuple[ResourceRef, ...]) -> Iterator[Finding]:
    if len(workloads) < 2 or all(ref.kind == "Pod" for ref in workloads):
        return
    ref = snapshot.ref(service)
    yield Finding.of(
        analyzer=ID,
        reason="SelectorTooBroad",
        ref=ref,
        title=f"{ref} spreads its traffic over {len(workloads)} workloads",
        severity=Severity.INFO,
        confidence=0.6,
        cause="Its selector takes the pods of " + ", ".join(str(item) for item in workloads[:5]) + ".",
        evidence=(_selector_evidence(ref, service),),
        remedies=(kubectl.read("See its pods", f"get pods --show-labels -l {_labels(service)}", ref.namespace),),
    )


def _load_balancer(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    if service.spec.type != "LoadBalancer" or service.status.load_balancer.ingress:
        return
    ref = snapshot.ref(service)
    failures = [event for event in snapshot.events_for(service) if event.is_warning and "LoadBalancer" in event.reason]
    made = service.metadata.creation_timestamp
    if not failures and not is_older_than(made, LOAD_BALANCER_GRACE_S, snapshot.taken_at):
        return
    yield Finding.of(
        analyzer=ID,
        reason="LoadBalancerPending",
        ref=ref,
        title=f"{ref} still has no address from outside{describe_age(made, snapshot.taken_at)}",
        severity=Severity.WARNING,
        confidence=0.9 if failures else 0.7,
        cause=excerpt(failures[0].message)
        if failures
        else "No load balancer was given to it; the cluster may have no controller that makes them.",
        evidence=(
            Evidence.of(ref, "status", "status.loadBalancer has no ingress", locator="status.loadBalancer"),
            *(
                Evidence.of(
                    ref,
                    "event",
                    f"event {event.reason}",
                    excerpt=excerpt(event.message, 600),
                    locator=f"event/{event.reason}",
                    observed_at=event.seen_at,
                )
                for event in failures[:1]
            ),
        ),
        remedies=_load_balancer_remedies(ref),
        since=made,
    )


def _load_balancer_remedies(ref: ResourceRef) -> tuple[Remedy, ...]:
    patch = """--type=merge -p '{"spec":{"type":"NodePort"}}'"""
    return (
        kubectl.describe(ref),
        kubectl.write("Do without: open a port of the nodes", f"patch service {ref.name} {patch}", ref.namespace),
    )


def _selector_evidence(ref: ResourceRef, service: Service) -> Evidence:
    return Evidence.of(ref, "spec", f"selector {_labels(service)}", locator="spec.selector")


def _labels(service: Service) -> str:
    return kubectl.labels_argument(service.spec.selector)


plugin = AnalyzerPlugin(id=ID, title="Services and what stands behind them", analyze=analyze, scope="workload")
