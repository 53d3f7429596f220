"""Services that select the pods of another workload than the one they are named for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import Backing, backing_of, container_ports, knows_pods, resolve_target_port
from kubeagentix.analysis.connections import missed_by
from kubeagentix.analysis.selectors import IDENTITY_KEYS, Candidate, candidates, served
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "misdirected-services"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Service."""
    for service in snapshot.all(Service):
        if service.metadata.deletion_timestamp is not None or service.spec.type == "ExternalName":
            continue
        backing = backing_of(snapshot, service)
        if backing.pods and knows_pods(snapshot, service):
            yield from _misdirected(snapshot, service, backing)


def _misdirected(snapshot: Snapshot, service: Service, backing: Backing) -> Iterator[Finding]:
    """A selector that takes the pods of another workload than the one of its name, which nobody serves."""
    pods, workloads = backing.pods, backing.workloads
    if _is_named_after(service, pods, workloads):
        return
    meant = snapshot.derived(_by_name, service.namespace).get(service.name)
    if meant is None or meant.ref in served(snapshot, service.namespace):
        return
    others = [item for item in snapshot.in_namespace(Service, service.namespace) if item.name != service.name]
    names = ", ".join(str(item) for item in workloads[:3])
    rival = next((item for item in others if item.name in {ref.name for ref in workloads}), None)
    ref, missed = snapshot.ref(service), missed_by(snapshot, snapshot.ref(service))
    fits = _fits(service, snapshot.pods_of(meant.ref)) and not _fits(service, pods)
    if not missed and not fits and rival is None:
        return
    selector = kubectl.labels_argument(service.spec.selector)
    yield Finding.of(
        analyzer=ID,
        reason="SelectorMatchesOther",
        ref=ref,
        title=f"{ref} selects the pods of {names}, and nobody serves {meant.ref}",
        severity=Severity.CRITICAL if missed or fits else Severity.WARNING,
        confidence=0.92 if fits else 0.7,
        cause=f"By its name it is for {meant.ref}, whose pods no Service selects; its selector takes those of {names}"
        + (f", for which there is Service {rival.name}." if rival is not None else "."),
        evidence=(
            Evidence.of(ref, "spec", f"selector {selector}", locator="spec.selector"),
            Evidence.of(
                meant.ref,
                "spec",
                f"its pods are labelled {kubectl.labels_argument(dict(meant.labels))}",
                locator="spec.template.metadata.labels",
            ),
            *(item.evidence(snapshot) for item in missed[:2]),
        ),
        remedies=(
            kubectl.read("See whom it selects", f"get pods --show-labels -l {selector}", ref.namespace),
            kubectl.select(ref, _correction(service, meant), meant.ref),
        ),
    )


def _by_name(snapshot: Snapshot, namespace: str) -> dict[str, Candidate]:
    """The workloads of a namespace that want pods; the first of each name."""
    wanted = [item for item in candidates(snapshot, namespace) if item.replicas != 0]
    return {item.ref.name: item for item in reversed(wanted)}


def _correction(service: Service, meant: Candidate) -> dict[str, str | None]:
    changes = {key: meant.labels.get(key) for key in service.spec.selector}
    if any(changes.values()):
        return changes
    return changes | {key: meant.labels[key] for key in IDENTITY_KEYS if key in meant.labels}


def _is_named_after(service: Service, pods: tuple[Pod, ...], workloads: tuple[ResourceRef, ...]) -> bool:
    """Whether the pods behind a Service, or their workload, bear its name or a part of it."""
    if any(service.name == ref.name for ref in workloads):
        return True
    names = {ref.name for ref in workloads}
    names |= {pod.metadata.labels[key] for pod in pods for key in IDENTITY_KEYS if key in pod.metadata.labels}
    return any(name in service.name or service.name in name for name in names)


def _fits(service: Service, pods: tuple[Pod, ...]) -> bool:
    """Whether some of the pods declare every port that the Service leads to."""
    return any(
        all(
            resolve_target_port(port, pod.spec) in {item.container_port for item in container_ports(pod.spec)}
            for port in service.spec.ports
        )
        for pod in pods
    )


plugin = AnalyzerPlugin(
    id=ID, title="Services that select other workloads than meant", analyze=analyze, scope="workload"
)
