"""Routes of the Gateway API: parents that are not there or do not take them, and backends that lead nowhere.

Source: https://gateway-api.sigs.k8s.io/reference/spec/ (condition types and reasons, ReferenceGrant).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import describe_ports, find_port, is_deserted, is_switched_off
from kubeagentix.analysis.gateway_routes import GRANT, condition_evidence, describe_grant, is_granted, refusal_of
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.analysis.spelling import nearest
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.network import (
    Gateway,
    GRPCRoute,
    HTTPRoute,
    IngressServicePort,
    ReferenceGrant,
    RouteReference,
    Service,
)
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "routes"
CONTROLLER_GRACE_S = 120.0  # in which a controller has its say on a new route
# What is found out without the controller's word, and better.
_TOLD_BY_BACKENDS = ("BackendNotFound",)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per route, reason and thing that is wrong."""
    for route in (*snapshot.all(HTTPRoute), *snapshot.all(GRPCRoute)):
        if route.metadata.deletion_timestamp is None:
            yield from _parents(snapshot, route)
            yield from _backends(snapshot, route)


def _parents(snapshot: Snapshot, route: HTTPRoute) -> Iterator[Finding]:
    for parent in route.spec.parent_refs:
        place = parent.namespace or route.namespace
        if parent.kind not in ("", "Gateway") or not snapshot.was_read(Gateway, place, name=parent.name):
            continue
        gateway = snapshot.get(Gateway, place, parent.name)
        if gateway is None:
            yield _parent_not_found(snapshot, route, place, parent.name)
        elif _is_unanswered(snapshot, route, parent) and (why := refusal_of(snapshot, route, parent, gateway)):
            yield _unanswered(snapshot, route, gateway, why)
    for status in route.status.parents:
        yield from _refusal(snapshot, route, status.parent_ref, status.conditions)


def _is_unanswered(snapshot: Snapshot, route: HTTPRoute, parent: RouteReference) -> bool:
    """Whether no controller has said anything of that parent, though it had the time."""
    answered = {(item.parent_ref.name, item.parent_ref.section_name) for item in route.status.parents}
    is_old = is_older_than(route.metadata.creation_timestamp, CONTROLLER_GRACE_S, snapshot.taken_at)
    return is_old and (parent.name, parent.section_name) not in answered


def _parent_not_found(snapshot: Snapshot, route: HTTPRoute, place: str, name: str) -> Finding:
    ref = snapshot.ref(route)
    like = nearest(name, (item.name for item in snapshot.in_namespace(Gateway, place)))
    elsewhere = next((item.namespace for item in snapshot.all(Gateway) if item.name == name), "")
    hint = f" There is Gateway {like}: was that meant?" if like else ""
    hint = hint or (f" Namespace {elsewhere} has one of that name." if elsewhere else "")
    return Finding.of(
        analyzer=ID,
        reason="RouteParentNotFound",
        ref=ref,
        title=f"{ref} belongs to Gateway {place}/{name}, which does not exist",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=f"A route without its Gateway gets no traffic.{hint}",
        evidence=(Evidence.of(ref, "spec", f"parentRef {place}/{name}", locator="spec.parentRefs"),),
        remedies=(kubectl.read("See the Gateways", "get gateways -A"), kubectl.edit(ref, "Name one of them")),
        points_at=(snapshot.named("Gateway", place, name),),
        detail=f"{place}/{name}",
    )


def _unanswered(snapshot: Snapshot, route: HTTPRoute, gateway: Gateway, why: str) -> Finding:
    ref, gateway_ref = snapshot.ref(route), snapshot.ref(gateway)
    return Finding.of(
        analyzer=ID,
        reason="RouteNotAccepted",
        ref=ref,
        title=f"{ref} is not taken by {gateway_ref}: {why}",
        severity=Severity.CRITICAL,
        confidence=0.8,
        cause=f"No listener of {gateway_ref} takes the route: {why}.",
        evidence=(
            Evidence.of(ref, "spec", f"parentRef {gateway_ref}", excerpt=why, locator="spec.parentRefs"),
            Evidence.of(
                gateway_ref,
                "spec",
                f"listeners {', '.join(item.name for item in gateway.spec.listeners)}",
                locator="spec.listeners",
            ),
        ),
        remedies=(kubectl.describe(gateway_ref), kubectl.edit(ref, "Name a listener that takes it")),
        detail=str(gateway_ref),
    )


def _refusal(
    snapshot: Snapshot, route: HTTPRoute, parent: RouteReference, conditions: tuple[Condition, ...]
) -> Iterator[Finding]:
    gateway = snapshot.named(parent.kind or "Gateway", parent.namespace or route.namespace, parent.name)
    accepted, resolved = condition(conditions, "Accepted"), condition(conditions, "ResolvedRefs")
    if accepted is not None and accepted.status == "False" and snapshot.find(gateway) is not None:
        yield _refusal_finding(snapshot, route, gateway, accepted, reason="RouteNotAccepted")
    elif resolved is not None and resolved.status == "False" and resolved.reason not in _TOLD_BY_BACKENDS:
        is_permit = resolved.reason == "RefNotPermitted"
        if not is_permit or not any(_is_denied(snapshot, route, item) for item in _references(route)):
            reason = (
                "RouteRefNotPermitted" if resolved.reason in ("RefNotPermitted", "InvalidKind") else "RouteRefsInvalid"
            )
            yield _refusal_finding(snapshot, route, gateway, resolved, reason=reason)


def _refusal_finding(
    snapshot: Snapshot, route: HTTPRoute, gateway: ResourceRef, found: Condition, *, reason: str
) -> Finding:
    ref, owner = snapshot.ref(route), snapshot.find(gateway)
    verb = "is not accepted by" if found.type == "Accepted" else "may not use a backend, says"
    parents = [item for item in route.spec.parent_refs if item.name == gateway.name]
    whys = [refusal_of(snapshot, route, item, owner) for item in parents if isinstance(owner, Gateway)]
    why = next(filter(None, whys), "") if found.type == "Accepted" else ""
    said = excerpt(found.message) or f"{found.type} is {found.status}: {found.reason}"
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=ref,
        title=f"{ref} {verb} {gateway} ({found.reason})",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=f"{said.rstrip('.')}. {why[:1].upper()}{why[1:]}." if why else said,
        evidence=(condition_evidence(ref, found),),
        remedies=(kubectl.describe(ref), kubectl.describe(gateway)),
        points_at=(gateway,),
        since=found.last_transition_time,
        detail=str(gateway),
    )


def _references(route: HTTPRoute) -> tuple[RouteReference, ...]:
    """The Services that the rules lead to, each once."""
    found = (item for rule in route.spec.rules for item in rule.backend_refs if item.kind in ("", "Service"))
    return tuple({(item.namespace, item.name, item.port): item for item in found}.values())


def _is_denied(snapshot: Snapshot, route: HTTPRoute, reference: RouteReference) -> bool:
    """Whether the route names a Service of another namespace that does not grant it."""
    place = reference.namespace or route.namespace
    if place == route.namespace or not snapshot.was_read(ReferenceGrant, place):
        return False
    return not is_granted(snapshot, route, snapshot.named("Service", place, reference.name))


def _backends(snapshot: Snapshot, route: HTTPRoute) -> Iterator[Finding]:
    for reference in _references(route):
        place = reference.namespace or route.namespace
        if _is_denied(snapshot, route, reference):
            yield _not_granted(snapshot, route, reference, place)
        elif snapshot.was_read(Service, place, name=reference.name):
            yield from _backend(snapshot, route, reference, place)


def _not_granted(snapshot: Snapshot, route: HTTPRoute, reference: RouteReference, place: str) -> Finding:
    ref, target = snapshot.ref(route), snapshot.named("Service", place, reference.name)
    others = [describe_grant(item) for item in snapshot.in_namespace(ReferenceGrant, place)]
    return Finding.of(
        analyzer=ID,
        reason="RouteRefNotPermitted",
        ref=ref,
        title=f"{ref} leads to {target}, and namespace {place} has no ReferenceGrant for it",
        severity=Severity.CRITICAL,
        confidence=0.9,
        cause=f"A Service of another namespace may be used only where a ReferenceGrant there names {route.kind} of "
        f"namespace {route.namespace}. " + (f"There is {'; '.join(others[:2])}." if others else "There is none."),
        evidence=(Evidence.of(ref, "spec", f"backendRef {target}", locator="spec.rules.backendRefs"),),
        remedies=(
            kubectl.read("See the grants", "get referencegrants -o yaml", place),
            kubectl.write("Grant it", GRANT.format(place=place, kind=route.kind, source=route.namespace)),
        ),
        detail=str(target),
    )


def _backend(snapshot: Snapshot, route: HTTPRoute, reference: RouteReference, place: str) -> Iterator[Finding]:
    target = snapshot.named("Service", place, reference.name)
    service = snapshot.get(Service, place, reference.name)
    if service is None:
        like = nearest(reference.name, (item.name for item in snapshot.in_namespace(Service, place)))
        hint = f" (was {like} meant?)" if like else ""
        yield _backend_finding(snapshot, route, target, "RouteBackendNotFound", f"which does not exist{hint}")
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


plugin = AnalyzerPlugin(id=ID, title="Routes, their parents and backends", analyze=analyze)
