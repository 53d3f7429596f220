"""NetworkPolicies that keep the ingress controller from the pods behind an Ingress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.backends import backing_of, find_port, resolve_target_port
from kubeagentix.analysis.ingress_controllers import class_of, entry_pods
from kubeagentix.analysis.policies import Port, Verdict, ingress_verdict
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Ingress, IngressServiceBackend, NetworkPolicy, Service, ServicePort
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "ingress-policies"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per policy and Ingress."""
    seen: set[tuple[ResourceRef, ResourceRef]] = set()
    for ingress in snapshot.all(Ingress) if snapshot.all(NetworkPolicy) else ():
        ingress_class = class_of(snapshot, ingress)
        entries = entry_pods(snapshot, ingress_class) if ingress_class is not None else ()
        for service, pods, verdict in _blocked(snapshot, ingress, entries):
            pair = (snapshot.ref(verdict.isolating[0]), snapshot.ref(ingress))
            if pair not in seen:
                seen.add(pair)
                yield _finding(snapshot, ingress, service, pods, entries, verdict=verdict)


def _backends(ingress: Ingress) -> Iterator[IngressServiceBackend]:
    if ingress.spec.default_backend and ingress.spec.default_backend.service:
        yield ingress.spec.default_backend.service
    for rule in ingress.spec.rules:
        yield from (path.backend.service for path in rule.http.paths if path.backend.service is not None)


def _blocked(
    snapshot: Snapshot, ingress: Ingress, entries: tuple[Pod, ...]
) -> Iterator[tuple[Service, tuple[Pod, ...], Verdict]]:
    for backend in _backends(ingress) if entries else ():
        service = snapshot.get(Service, ingress.namespace, backend.name)
        port = find_port(service, backend.port) if service is not None else None
        if service is None or port is None:
            continue
        pods = backing_of(snapshot, service).pods
        first = None
        for verdict in _verdicts(snapshot, pods, entries, port):
            if verdict.is_allowed:
                break
            first = first or verdict
        else:
            if first is not None:
                yield service, pods, first


def _verdicts(
    snapshot: Snapshot, pods: tuple[Pod, ...], entries: tuple[Pod, ...], port: ServicePort
) -> Iterator[Verdict]:
    """Whether each pod may receive from each entry; one by one, as the first that may decides."""
    for pod in pods:
        to = Port(number=resolve_target_port(port, pod.spec), protocol=port.protocol)
        for entry in entries:
            yield ingress_verdict(snapshot, pod, entry, to)


def _finding(
    snapshot: Snapshot,
    ingress: Ingress,
    service: Service,
    pods: tuple[Pod, ...],
    entries: tuple[Pod, ...],
    *,
    verdict: Verdict,
) -> Finding:
    policy, ref = verdict.isolating[0], snapshot.ref(ingress)
    controller = ", ".join(str(item) for item in workloads_of(snapshot, entries)[:2])
    policy_ref = snapshot.ref(policy)
    return Finding.of(
        analyzer=ID,
        reason="NetworkPolicyBlocks/IngressController",
        ref=policy_ref,
        title=f"{policy_ref} keeps {controller} from the pods behind {ref}",
        severity=Severity.CRITICAL,
        confidence=0.75,
        cause=f"{ref} leads to Service {service.name}, whose pods the controller may not reach: {verdict.why}.",
        evidence=(
            Evidence.of(
                policy_ref, "spec", f"{policy.name} isolates them", excerpt=verdict.why, locator="spec.ingress"
            ),
            Evidence.of(ref, "spec", f"backend {service.name}", locator="spec.rules"),
            *(
                Evidence.of(
                    snapshot.ref(pod), "spec", f"{pod.name} is labelled {_labels(pod)}", locator="metadata.labels"
                )
                for pod in (pods[0], entries[0])
            ),
        ),
        remedies=(
            kubectl.describe(policy_ref),
            kubectl.read(
                "See the labels of the controller's namespace", f"get namespace {entries[0].namespace} --show-labels"
            ),
            kubectl.edit(policy_ref, "Allow ingress from the controller's namespace"),
        ),
        explains=(ref,),
        detail=str(ref),
    )


def _labels(pod: Pod) -> str:
    return kubectl.labels_argument(dict(pod.metadata.labels))


plugin = AnalyzerPlugin(id=ID, title="Policies between the ingress controller and its backends", analyze=analyze)
