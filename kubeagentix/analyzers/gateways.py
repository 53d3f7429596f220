"""The Gateway API: classes, Gateways and their listeners that are not accepted.

Source: https://gateway-api.sigs.k8s.io/reference/spec/ (condition types and reasons).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.gateway_routes import condition_evidence, is_granted, listener_conflicts
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.network import Gateway, GatewayClass, Listener, ListenerStatus, ReferenceGrant
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import Secret
from kubeagentix.errors import excerpt

ID = "gateways"
CONTROLLER_GRACE_S = 300.0  # until then an Unknown or Pending condition is a controller at work


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per object, reason and thing that is wrong."""
    for gateway_class in snapshot.all(GatewayClass):
        yield from _class(snapshot, gateway_class)
    for gateway in snapshot.all(Gateway):
        if gateway.metadata.deletion_timestamp is None:
            yield from _gateway(snapshot, gateway)


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
        evidence=(condition_evidence(ref, accepted),),
        remedies=(kubectl.describe(ref),),
        since=accepted.last_transition_time,
    )


def _is_pending(snapshot: Snapshot, item: Condition) -> bool:
    """Whether a controller may still be at work on it."""
    is_open = item.status == "Unknown" or item.reason == "Pending"
    return is_open and not is_older_than(item.last_transition_time, CONTROLLER_GRACE_S, snapshot.taken_at)


def _gateway(snapshot: Snapshot, gateway: Gateway) -> Iterator[Finding]:
    ref, name = snapshot.ref(gateway), gateway.spec.gateway_class_name
    if snapshot.lacks(snapshot.named(GatewayClass.kind, "", name)):
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
    yield from _listeners(snapshot, gateway)


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
            condition_evidence(ref, found),
            *(Evidence.of(ref, "status", excerpt(text), locator="status.listeners") for text in listeners[:3]),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.read("See its class", f"describe gatewayclass {gateway.spec.gateway_class_name}"),
        ),
        points_at=(snapshot.named("GatewayClass", "", gateway.spec.gateway_class_name),),
        since=found.last_transition_time,
    )


def _listeners(snapshot: Snapshot, gateway: Gateway) -> Iterator[Finding]:
    """Listeners that do not serve, of a Gateway that does otherwise; and what its spec alone says against them."""
    statuses, conflicts = {item.name: item for item in gateway.status.listeners}, listener_conflicts(gateway)
    for listener in gateway.spec.listeners:
        status = statuses.get(listener.name)
        found = _trouble_of(snapshot, status) if status is not None else None
        why = conflicts.get(listener.name) or next(
            _certificate_troubles(snapshot, gateway, listener, is_refused=found is not None), ""
        )
        if found is not None or why:
            yield _listener(snapshot, gateway, listener.name, found, why)


def _trouble_of(snapshot: Snapshot, status: ListenerStatus) -> Condition | None:
    """The condition that says why a listener does not serve, the most telling one."""
    wanted = (("Conflicted", "True"), ("ResolvedRefs", "False"), ("Accepted", "False"), ("Programmed", "False"))
    for kind, bad in wanted:
        found = condition(status.conditions, kind)
        if found is not None and found.status == bad and not _is_pending(snapshot, found):
            return found
    return None


def _certificate_troubles(
    snapshot: Snapshot, gateway: Gateway, listener: Listener, *, is_refused: bool
) -> Iterator[str]:
    """What is wrong with its Secrets. Of another type than TLS some controllers take them: that counts if refused."""
    for item in listener.tls.certificate_refs if listener.tls is not None else ():
        place = item.namespace or gateway.namespace
        if item.kind not in ("", "Secret"):
            continue
        is_abroad = place != gateway.namespace and snapshot.was_read(ReferenceGrant, place)
        if is_abroad and not is_granted(snapshot, gateway, snapshot.named("Secret", place, item.name)):
            yield f"namespace {place} has no ReferenceGrant that lets it use Secret {item.name}"
        secret, named = snapshot.get(Secret, place, item.name), f"its certificate's Secret {place}/{item.name}"
        if secret is None:
            if snapshot.was_read(Secret, place, name=item.name):
                yield f"{named} does not exist"
            continue
        missing = [key for key in ("tls.crt", "tls.key") if key not in secret.keys or key in secret.empty_keys]
        if missing:
            yield f"{named} has no {' and no '.join(missing)}"
        elif secret.key_fits is False:
            yield f"{named} has a tls.key that is not the key of its tls.crt"
        elif is_refused and secret.type != "kubernetes.io/tls":
            yield f"{named} is of type {secret.type or 'Opaque'}, not kubernetes.io/tls"


def _listener(snapshot: Snapshot, gateway: Gateway, name: str, found: Condition | None, why: str) -> Finding:
    ref = snapshot.ref(gateway)
    said = (excerpt(found.message) or f"{found.type} is {found.status}: {found.reason}") if found is not None else ""
    is_conflict = found.type == "Conflicted" if found is not None else "Secret" not in why
    spec = Evidence.of(ref, "spec", f"listener {name}: {why}", locator=f"spec.listeners[{name}]")
    return Finding.of(
        analyzer=ID,
        reason="ListenerConflicted" if is_conflict else "ListenerNotReady",
        ref=ref,
        title=f"{ref}: listener {name} does not serve: {found.reason if found is not None else why}",
        severity=Severity.CRITICAL if found is not None or not is_conflict else Severity.WARNING,
        confidence=0.9 if found is not None else 0.8,
        cause=" ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in (said, why) if text),
        evidence=(
            *((condition_evidence(ref, found, f"status.listeners[{name}].conditions"),) if found is not None else ()),
            *((spec,) if why else ()),
        ),
        remedies=(kubectl.describe(ref), kubectl.edit(ref, f"Correct listener {name}")),
        since=found.last_transition_time if found is not None else None,
        detail=name,
    )


plugin = AnalyzerPlugin(id=ID, title="Gateways, their classes and listeners", analyze=analyze)
