"""Ports of Services that lead to nobody: names and numbers that no container has, and ports nobody listens on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.backends import (
    backing_of,
    container_ports,
    describe_declared,
    knows_pods,
    resolve_target_port,
    serving_containers,
    target_of,
)
from kubeagentix.analysis.connections import FailedConnection, missed_by
from kubeagentix.analysis.listening import loopback_only
from kubeagentix.analysis.shortfall import is_older_than, unready_since
from kubeagentix.analysis.signatures import CONNECTION_REFUSED, NO_SUCH_HOST
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.network import Service, ServicePort
from kubeagentix.domain.pods import ContainerPort, Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "service-ports"
LISTENING_GRACE_S = 30.0  # without a readiness probe a pod is ready a while before its program listens


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per port of a Service."""
    for service in snapshot.all(Service):
        if service.metadata.deletion_timestamp is not None or service.spec.type == "ExternalName":
            continue
        # Nothing translates the ports of a headless Service.
        if service.spec.selector and service.spec.cluster_ip != "None" and knows_pods(snapshot, service):
            pods = backing_of(snapshot, service).pods
            if pods:
                yield from _ports(snapshot, service, pods)


def _distinct(snapshot: Snapshot, pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """The first of each run of pods that are alike in all that is asked here: of replicas one is enough."""

    def likeness(pod: Pod) -> object:
        containers = (*pod.spec.init_containers, *pod.spec.containers)
        asked = [(item.ports, item.readiness_probe, item.liveness_probe) for item in containers]
        return snapshot.workload_of(pod), pod.is_ready, len(pod.spec.containers), asked

    return tuple([next(run) for _, run in groupby(pods, likeness)])


def _ports(snapshot: Snapshot, service: Service, pods: tuple[Pod, ...]) -> Iterator[Finding]:
    some = _distinct(snapshot, pods)
    own = [container_ports(pod.spec) for pod in some]
    declared = tuple(item for ports in own for item in ports)
    for port in service.spec.ports:
        targets = [resolve_target_port(port, pod.spec) for pod in some]
        numbers = {*targets}
        same = [item for item in declared if item.container_port in numbers]
        if numbers == {None}:
            what = f"no container port is named {target_of(port)}"
            yield _port_mismatch(snapshot, service, port, pods, what)
        elif declared and not same and _are_exhaustive(some, numbers):
            what = f"no container declares port {target_of(port)}"
            yield _port_mismatch(snapshot, service, port, pods, what)
        elif same and not _is_spoken(service, port, same):
            what = f"the containers declare that port for {same[0].protocol} only, not for {port.protocol}"
            yield _port_mismatch(snapshot, service, port, pods, what)
        elif strangers := _strangers(snapshot, zip(some, targets, own, strict=True)):
            yield from _split(snapshot, service, port, pods, strangers)
        elif len(numbers) == 1 and not _is_asked_there(some, numbers):
            yield from _deaf(snapshot, service, port, pods)


def _are_exhaustive(pods: tuple[Pod, ...], numbers: set[int | None]) -> bool:
    """Whether what the pods declare may be held to be all that they listen on.

    Not so where a container declares nothing (only the proxy injected beside it does), or is probed on that port.
    """
    containers = [container for pod in pods for container in pod.spec.containers]
    probes = [probe for item in containers for probe in (item.readiness_probe, item.liveness_probe) if probe]
    return all(item.ports for item in containers) and not numbers & {probe.port for probe in probes}


def _is_asked_there(pods: tuple[Pod, ...], numbers: set[int | None]) -> bool:
    """Whether all pods are ready by probes that ask that very port, so that somebody listens there."""
    return all(_is_probed(pod, numbers) for pod in pods if pod.is_ready)


def _is_probed(pod: Pod, numbers: set[int | None]) -> bool:
    for item in pod.spec.containers:
        probe = item.readiness_probe
        if probe is not None and _probed(probe.port, pod) in numbers:
            return True
    return False


def _probed(port: int | str | None, pod: Pod) -> int | None:
    if not isinstance(port, str) or port.isdigit():
        return int(port or 0)
    return {item.name: item.container_port for item in container_ports(pod.spec)}.get(port)


def _strangers(
    snapshot: Snapshot, ports: Iterable[tuple[Pod, int | None, tuple[ContainerPort, ...]]]
) -> tuple[ResourceRef, ...]:
    """Of several workloads that a Service selects, those that do not declare its target port, while others do.

    `ports`: each pod with the number that the Service's port leads to there, and the ports that it declares.
    """
    serving: dict[ResourceRef, bool] = {}
    for pod, target, declared in ports:
        workload = snapshot.workload_of(pod) if target is not None else None
        if workload is None or serving.get(workload) or not pod.is_ready:
            continue
        has_it = any(item.container_port == target for item in declared)
        serving[workload] = has_it or _is_asked_there((pod,), {target})
    others = tuple(workload for workload, is_serving in serving.items() if not is_serving)
    return others if len(others) < len(serving) else ()


def _split(
    snapshot: Snapshot, service: Service, port: ServicePort, pods: tuple[Pod, ...], strangers: tuple[ResourceRef, ...]
) -> Iterator[Finding]:
    """Connections that fail now and then, as some of the pods behind a Service are of a workload that is none of it."""
    refused = [item for item in _refusals(snapshot, service, port) if item.signature != NO_SUCH_HOST]
    theirs = tuple(pod for pod in pods if snapshot.workload_of(pod) in strangers)
    numbers = {resolve_target_port(port, pod.spec) for pod in theirs}
    declare = any(container_ports(pod.spec) for pod in theirs) and _are_exhaustive(theirs, numbers)
    if not refused and not declare:
        return
    ref, names = snapshot.ref(service), ", ".join(str(item) for item in strangers[:3])
    declared = describe_declared(tuple(item for pod in theirs for item in container_ports(pod.spec)))
    selector = kubectl.labels_argument(service.spec.selector)
    yield Finding.of(
        analyzer=ID,
        reason="SelectorTooBroad",
        ref=ref,
        title=f"{ref} selects the pods of {names} too, which do not serve port {port.port}",
        severity=Severity.CRITICAL if refused else Severity.WARNING,
        confidence=0.85 if refused else 0.7,
        cause=f"Of its {len(pods)} pods {len(theirs)} do not listen on target port {target_of(port)} (they declare "
        f"{declared}), so that about {100 * len(theirs) // len(pods)} % of the connections fail.",
        evidence=(
            Evidence.of(ref, "spec", f"selector {selector}", locator="spec.selector"),
            *(
                Evidence.of(item, "spec", f"its containers declare {declared}", locator="spec.template.spec.containers")
                for item in strangers[:2]
            ),
            *(item.evidence(snapshot) for item in refused[:2]),
        ),
        remedies=(
            kubectl.read("See whom it selects", f"get pods --show-labels -l {selector}", ref.namespace),
            kubectl.edit(ref, "Narrow the selector, by a label that only the serving pods have"),
        ),
        detail=str(port.port),
    )


def _is_spoken(service: Service, port: ServicePort, declared: Iterable[ContainerPort]) -> bool:
    """Whether the port's protocol is declared, or may well be spoken beside the one that is, as DNS servers do."""
    protocols = {item.protocol for item in declared}
    others = {item.protocol for item in service.spec.ports if target_of(item) == target_of(port)}
    return port.protocol in protocols or bool(others & protocols)


def _refusals(snapshot: Snapshot, service: Service, port: ServicePort) -> list[FailedConnection]:
    """The connections of others that failed there."""
    return [item for item in missed_by(snapshot, snapshot.ref(service)) if item.port in (None, port.port)]


def _deaf(snapshot: Snapshot, service: Service, port: ServicePort, pods: tuple[Pod, ...]) -> Iterator[Finding]:
    """A port that nobody listens on: others are refused there although all pods had been ready for a while."""
    known = [moment for pod in pods if pod.is_ready and (moment := unready_since(pod)) is not None]
    if len(known) < len(pods):
        return
    ready_since = max(known)
    refused = [
        item
        for item in _refusals(snapshot, service, port)
        if item.signature == CONNECTION_REFUSED
        and (item.at is None or (item.at - ready_since).total_seconds() > LISTENING_GRACE_S)
    ]
    if refused and is_older_than(ready_since, LISTENING_GRACE_S, snapshot.taken_at):
        yield _deaf_finding(snapshot, service, port, pods, refused)


def _deaf_finding(
    snapshot: Snapshot, service: Service, port: ServicePort, pods: tuple[Pod, ...], refused: list[FailedConnection]
) -> Finding:
    ref, target = snapshot.ref(service), resolve_target_port(port, pods[0].spec)
    workloads = workloads_of(snapshot, pods)
    is_declared = any(item.container_port == target for pod in pods for item in container_ports(pod.spec))
    spoken = [number for number in _ports_in_words(pods[0]) if number != target]
    local = next(
        (said for item in serving_containers(pods[0].spec) if (said := loopback_only(snapshot, pods[0], item))), ""
    )
    hint = f" Their command and environment speak of port {', '.join(map(str, spoken[:3]))}." if spoken else ""
    # A port that is declared, and answers nobody, is the pods' own fault rather than the Service's.
    blamed = workloads[0] if (is_declared or local) and len(workloads) == 1 else ref
    return Finding.of(
        analyzer=ID,
        reason="PortNotListening" if blamed != ref else "TargetPortMismatch",
        ref=blamed,
        title=f"{ref}: port {port.port} leads to target port {target}, on which nothing listens in the pods"
        + (" but for themselves (127.0.0.1)" if local else ""),
        severity=Severity.CRITICAL,
        confidence=0.85 if local else 0.8 if spoken and not is_declared else 0.7,
        cause=f"Connections to {ref} are refused while all of its pods are ready. {local}"
        if local
        else f"Connections to {ref} are refused while all of its pods are ready: their programs listen on "
        f"another port than {target}, or on 127.0.0.1 only.{hint}",
        evidence=(
            Evidence.of(ref, "spec", f"port {port.port}, targetPort {target}/{port.protocol}", locator="spec.ports"),
            *(
                Evidence.of(snapshot.ref(pod), "status", f"{pod.name} is ready", locator="status.conditions[Ready]")
                for pod in pods[:2]
            ),
            *(item.evidence(snapshot) for item in refused[:2]),
        ),
        remedies=_deaf_remedies(ref, blamed, pods[0]),
        detail=str(port.port),
    )


def _deaf_remedies(ref: ResourceRef, blamed: ResourceRef, pod: Pod) -> tuple[Remedy, ...]:
    return (
        kubectl.read("See what it says of the port it listens on", f"logs {pod.name} --tail=50", pod.namespace),
        kubectl.read("See the sockets that listen in the pod", f"exec {pod.name} -- netstat -ltn", pod.namespace),
        kubectl.describe(ref),
        kubectl.edit(blamed, "Listen where the Service leads, on 0.0.0.0")
        if blamed != ref
        else kubectl.edit(ref, "Name the port on which the pods listen"),
    )


_PORT_WORD = re.compile(r"(?i)(?:\bport\b[ =:]*|\blisten\b[ =:]*|(?<!\S)-p[ =]?|:)(\d{2,5})(?![\d.])")


def _ports_in_words(pod: Pod) -> tuple[int, ...]:
    """The numbers that a pod's commands and environment name as ports."""
    texts: list[str] = []
    for container in serving_containers(pod.spec):
        texts.append(" ".join((*container.command, *container.args)))
        texts += [f"port {item.value}" for item in container.env if item.name.upper().endswith("PORT")]
    return tuple(dict.fromkeys(int(number) for text in texts for number in _PORT_WORD.findall(text)))


def _port_mismatch(
    snapshot: Snapshot, service: Service, port: ServicePort, pods: tuple[Pod, ...], what: str
) -> Finding:
    ref, target = snapshot.ref(service), target_of(port)
    declared = describe_declared(tuple(item for pod in pods for item in container_ports(pod.spec)))
    # Declared numbers only inform, so an undeclared one is certain to be wrong only if somebody was refused there.
    refused = tuple(item.evidence(snapshot) for item in _refusals(snapshot, service, port)[:2])
    is_certain = isinstance(target, str) or bool(refused)
    return Finding.of(
        analyzer=ID,
        reason="TargetPortMismatch",
        ref=ref,
        title=f"{ref}: port {port.port} leads to target port {target}, but {what}",
        severity=Severity.CRITICAL if is_certain else Severity.WARNING,
        confidence=0.9 if is_certain else 0.6,
        cause=f"The pods' containers declare {declared}.",
        evidence=(
            Evidence.of(ref, "spec", f"port {port.port}, targetPort {target}/{port.protocol}", locator="spec.ports"),
            *(
                Evidence.of(item, "spec", f"its containers declare {declared}", locator="spec.template.spec.containers")
                for item in workloads_of(snapshot, pods)[:2]
            ),
            *refused,
        ),
        remedies=(kubectl.describe(ref), _retarget(ref, service, port, pods)),
        detail=str(port.port),
    )


def _retarget(ref: ResourceRef, service: Service, port: ServicePort, pods: tuple[Pod, ...]) -> Remedy:
    """The command that leads the port to the only one that the pods declare; an editor where there are several."""
    declared = {(item.container_port, item.protocol) for pod in pods for item in container_ports(pod.spec)}
    if len(declared) != 1:
        return kubectl.edit(ref, "Name the port on which the pods listen")
    number, protocol = declared.pop()
    is_of_other_protocol = resolve_target_port(port, pods[0].spec) == number
    field, value = ("protocol", protocol) if is_of_other_protocol else ("targetPort", number)
    path = f"/spec/ports/{service.spec.ports.index(port)}/{field}"
    patch = json.dumps([{"op": "replace", "path": path, "value": value}], separators=(",", ":"))
    return kubectl.write(
        f"Lead it to {field} {value}", f"patch service {ref.name} --type=json -p '{patch}'", ref.namespace
    )


plugin = AnalyzerPlugin(id=ID, title="Ports of Services and who listens on them", analyze=analyze, scope="workload")
