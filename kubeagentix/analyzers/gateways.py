"""The Gateway API: classes, Gateways and HTTPRoutes that are not accepted, or lead nowhere.

Source: https://gateway-api.sigs.k8s.io/reference/spec/ (condition types and reasons).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import describe_ports, find_port, is_deserted, is_switched_off
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.network import Gateway, GatewayClass, HTTPRoute, IngressServicePort, RouteReference, Service
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "gateways"
CONTROLLER_GRACE_S = 300.0  # until then an Unknown or Pending condition is a controller at work
REFUSED_REFERENCES = ("RefNotPermitted", "InvalidKind")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per object, reason and thing that is wrong."""
    for gateway_class in snapshot.all(GatewayClass):
        yield from _class(snapshot, gateway_class)
    for gateway in snapshot.all(Gateway):
        if gateway.metadata.deletion_timestamp is None:
            yield from _gateway(snapshot, gateway)
    for route in snapshot.all(HTTPRoute):
        if route.metadata.deletion_timestamp is None:
            yield from _parents(snapshot, route)
            yield from _backends(snapshot, route)


def _class(snapshot: Snapshot, gateway_class: GatewayClass) -> Iterator[Finding]:
    accepted = condition(gateway_class.status.conditions, "Accepted")
    if accepted is None or accepted.status == "True" or _is_pending(snapshot, accepted):
        return
    users = [item.name for item in snapshot.all(Gateway) if item.spec.gateway_class_name == gateway_class.name]
    ref = snapshot.ref(gateway_class)
    yield Finding.of(
        analyzer=ID,
        reason="GatewayClassNotAccepted",
        ref=ref,
        title=f"{ref} is not accepted by {gateway_class.spec.controller_name or 'any controller'}",
        severity=Severity.CRITICAL if users else Severity.WARNING,
        confidence=0.9,
        cause=excerpt(accepted.message) or f"Accepted is {accepted.status}: {accepted.reason}",
        evidence=(_condition_evidence(ref, accepted),),
        remedies=(kubectl.describe(ref),),
        since=accepted.last_transition_time,
    )


def _is_pending(snapshot: Snapshot, item: Condition) -> bool:
    """Whether a controller may still be at work on it."""
    is_open = item.status == "Unknown" or item.reason == "Pending"
    return is_open and not is_older_than(item.last_transition_time, CONTROLLER_GRACE_S, snapshot.taken_at)


def _gateway(snapshot: Snapshot, gateway: Gateway) -> Iterator[Finding]:
    ref, name = snapshot.ref(gateway), gateway.spec.gateway_class_name
    if snapshot.was_read(GatewayClass) and snapshot.get(GatewayClass, "", name) is None:
        yield Finding.of(
            analyzer=ID,
            reason="GatewayClassNotFound",
            ref=ref,
            title=f"{ref} names GatewayClass {name}, which does not exist",
            severity=Severity.CRITICAL,
            confidence=0.95,
            cause="No controller serves a Gateway of a class that is not there.",
            evidence=(Evidence.of(ref, "spec", f"gatewayClassName: {name}", locator="spec.gatewayClassName"),),
            remedies=(kubectl.read("See the classes", "get gatewayclasses"), kubectl.edit(ref, "Name one that exists")),
            points_at=(snapshot.named("GatewayClass", "", name),),
        )
        return
    for kind in ("Accepted", "Programmed"):
        found = condition(gateway.status.conditions, kind)
        if found is not None and found.status != "True" and not _is_pending(snapshot, found):
            yield _not_programmed(snapshot, gateway, found)
            return


def _not_programmed(snapshot: Snapshot, gateway: Gateway, found: Condition) -> Finding:
    ref = snapshot.ref(gateway)
    listeners = [
        f"listener {listener.name}: {item.type} is {item.status} ({item.reason}) {item.message}"
        for listener in gateway.status.listeners
        for item in listener.conditions
        if item.type in ("Accepted", "Programmed", "ResolvedRefs") and item.status == "False"
    ]
    return Finding.of(
        analyzer=ID,
        reason="GatewayNotProgrammed",
        ref=ref,
        title=f"{ref} does not serve: {found.type} is {found.status} ({found.reason})",
        severity=Severity.CRITICAL,
        confidence=0.9,
        cause=excerpt(found.message) or "Its controller has said nothing; it may not run.",
        evidence=(
            _condition_evidence(ref, found),
            *(Evidence.of(ref, "status", excerpt(text), locator="status.listeners") for text in listeners[:3]),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.read("See its class", f"describe gatewayclass {gateway.spec.gateway_class_name}"),
        ),
        points_at=(snapshot.named("GatewayClass", "", gateway.spec.gateway_class_name),),
        since=found.last_transition_time,
    )


def _parents(snapshot: Snapshot, route: HTTPRoute) -> Iterator[Finding]:
    ref = snapshot.ref(route)
    for parent in route.spec.parent_refs:
        place = parent.namespace or route.namespace
        if parent.kind not in ("", "Gateway") or not snapshot.was_read(Gateway, place):
            continue
        if snapshot.get(Gateway, place, parent.name) is None:
            yield Finding.of(
                analyzer=ID,
                reason="RouteParentNotFound",
                ref=ref,
                title=f"{ref} belongs to Gateway {place}/{parent.name}, which does not exist",
                severity=Severity.CRITICAL,
                confidence=0.95,
                cause="A route without its Gateway gets no traffic.",
                evidence=(Evidence.of(ref, "spec", f"parentRef {place}/{parent.name}", locator="spec.parentRefs"),),
                remedies=(kubectl.read("See the Gateways", "get gateways -A"), kubectl.edit(ref, "Name one of them")),
                points_at=(snapshot.named("Gateway", place, parent.name),),
                detail=f"{place}/{parent.name}",
            )
    for status in route.status.parents:
        yield from _refusal(snapshot, route, status.parent_ref, status.conditions)


def _refusal(
    snapshot: Snapshot, route: HTTPRoute, parent: RouteReference, conditions: tuple[Condition, ...]
) -> Iterator[Finding]:
    gateway = snapshot.named(parent.kind or "Gateway", parent.namespace or route.namespace, parent.name)
    accepted, resolved = condition(conditions, "Accepted"), condition(conditions, "ResolvedRefs")
    if accepted is not None and accepted.status == "False" and snapshot.find(gateway) is not None:
        yield _refusal_finding(snapshot, route, gateway, accepted, reason="RouteNotAccepted")
    elif resolved is not None and resolved.status == "False" and resolved.reason in REFUSED_REFERENCES:
        yield _refusal_finding(snapshot, route, gateway, resolved, reason="RouteRefNotPermitted")


def _refusal_finding(
    snapshot: Snapshot, route: HTTPRoute, gateway: ResourceRef, found: Condition, *, reason: str
) -> Finding:
    ref = snapshot.ref(route)
    verb = "is not accepted by" if found.type == "Accepted" else "may not use a backend, says"
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=ref,
        title=f"{ref} {verb} {gateway} ({found.reason})",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=excerpt(found.message) or f"{found.type} is {found.status}: {found.reason}",
        evidence=(_condition_evidence(ref, found),),
        remedies=(kubectl.describe(ref), kubectl.describe(gateway)),
        points_at=(gateway,),
        since=found.last_transition_time,
        detail=str(gateway),
    )


def _backends(snapshot: Snapshot, route: HTTPRoute) -> Iterator[Finding]:
    seen: set[tuple[str, str, int | None]] = set()
    for reference in (item for rule in route.spec.rules for item in rule.backend_refs):
        place = reference.namespace or route.namespace
        key = (place, reference.name, reference.port)
        if reference.kind not in ("", "Service") or key in seen or not snapshot.was_read(Service, place):
            continue
        seen.add(key)
        yield from _backend(snapshot, route, reference, place)


def _backend(snapshot: Snapshot, route: HTTPRoute, reference: RouteReference, place: str) -> Iterator[Finding]:
    target = snapshot.named("Service", place, reference.name)
    service = snapshot.get(Service, place, reference.name)
    if service is None:
        yield _backend_finding(snapshot, route, target, "RouteBackendNotFound", "which does not exist")
        return
    port = find_port(service, IngressServicePort(number=reference.port or 0)) if reference.port else None
    if reference.port and port is None:
        what = f"port {reference.port}, but it has {describe_ports(service)}"
        yield _backend_finding(snapshot, route, target, "RouteBackendPortNotFound", what)
    elif is_deserted(snapshot, service, port) and not is_switched_off(snapshot, service):
        yield _backend_finding(snapshot, route, target, "RouteBackendNoEndpoints", "which has no ready endpoints")


def _backend_finding(snapshot: Snapshot, route: HTTPRoute, target: ResourceRef, reason: str, what: str) -> Finding:
    ref, is_symptom = snapshot.ref(route), reason == "RouteBackendNoEndpoints"
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=ref,
        title=f"{ref} leads to {target}, {what}",
        severity=Severity.CRITICAL,
        confidence=0.6 if is_symptom else 0.95,
        cause=f"Requests for {', '.join(route.spec.hostnames) or 'any host'} that go there get an error.",
        evidence=(
            Evidence.of(ref, "spec", f"backendRef {target}", locator="spec.rules.backendRefs"),
            Evidence.of(target, "status", f"{target}: {what}"),
        ),
        remedies=(
            kubectl.describe(target) if is_symptom else kubectl.read("See them", "get services", target.namespace),
            kubectl.edit(ref, "Name the backend that is meant"),
        ),
        points_at=(target,),
        is_symptom=is_symptom,
        detail=f"{target} {what}",
    )


def _condition_evidence(ref: ResourceRef, item: Condition) -> Evidence:
    return Evidence.of(
        ref,
        "status",
        f"{item.type} is {item.status}: {item.reason}",
        excerpt=excerpt(item.message, 600),
        locator=f"status.conditions[{item.type}]",
        observed_at=item.last_transition_time,
    )


plugin = AnalyzerPlugin(id=ID, title="Gateways, routes and their backends", analyze=analyze)
