"""Services of type ExternalName: aliases in DNS for names that nobody has, or that lead to nobody.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#externalname
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import is_deserted, is_switched_off
from kubeagentix.analysis.connections import missed_by
from kubeagentix.analysis.mentions import is_address
from kubeagentix.analysis.signatures import NO_SUCH_HOST
from kubeagentix.analysis.spelling import nearest
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.snapshot import Snapshot

ID = "external-names"
# The name in DNS of a Service, which an alias has to give in full; the cluster's domain may be any.
_SERVICE_NAME = re.compile(r"^(?:[a-z0-9-]+\.)?([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?$")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Service."""
    for service in snapshot.all(Service):
        if service.spec.type == "ExternalName" and service.metadata.deletion_timestamp is None:
            yield from _alias(snapshot, service, service.spec.external_name.lower().rstrip("."))


def _alias(snapshot: Snapshot, service: Service, name: str) -> Iterator[Finding]:
    within = _SERVICE_NAME.match(name)
    if is_address(name):
        cause = "An alias needs a name: an address written there is looked up as one, and nobody has it."
        yield _finding(snapshot, service, f"is an alias of {name}, which is an address and no name", cause)
    elif within is None:
        yield from _outside(snapshot, service, name)
    elif within[3] is None:
        cause = f"An alias has to be given in full; with the usual domain it is {name}.cluster.local."
        yield _finding(snapshot, service, f"is an alias of {name}, which lacks the cluster's domain", cause)
    else:
        yield from _inside(snapshot, service, snapshot.named("Service", within[2], within[1]))


def _inside(snapshot: Snapshot, service: Service, target: ResourceRef) -> Iterator[Finding]:
    is_place = snapshot.get(Namespace, "", target.namespace) is not None
    found = snapshot.get(Service, target.namespace, target.name)
    if snapshot.was_read(Namespace, name=target.namespace) and not is_place and found is None:
        like = nearest(target.namespace, (item.name for item in snapshot.all(Namespace)))
        hint = f" There is namespace {like}: was that meant?" if like else ""
        cause = f"There is no namespace {target.namespace}.{hint}"
        yield _finding(snapshot, service, f"is an alias of {target}, which does not exist", cause)
    elif found is None and snapshot.was_read(Service, target.namespace, name=target.name):
        like = nearest(target.name, (item.name for item in snapshot.in_namespace(Service, target.namespace)))
        hint = f" There is Service {like}: was that meant?" if like else ""
        cause = f"Namespace {target.namespace} has no Service {target.name}.{hint}"
        yield _finding(snapshot, service, f"is an alias of {target}, which does not exist", cause)
    elif found is not None and is_deserted(snapshot, found) and not is_switched_off(snapshot, found):
        cause = f"Whoever asks for it is led to {target}, and that has no ready endpoints."
        yield _finding(snapshot, service, f"leads to {target}, which has no ready endpoints", cause, behind=target)


def _outside(snapshot: Snapshot, service: Service, name: str) -> Iterator[Finding]:
    """A name outside of the cluster, of which only those tell who asked for it."""
    missed = [item for item in missed_by(snapshot, snapshot.ref(service)) if item.signature == NO_SUCH_HOST]
    if missed:
        cause = f"Those who ask for it are told that there is no such host, so {name} itself is not to be found."
        yield _finding(snapshot, service, f"is an alias of {name}, which is not to be found", cause, confidence=0.75)


def _finding(
    snapshot: Snapshot,
    service: Service,
    what: str,
    cause: str,
    *,
    behind: ResourceRef | None = None,
    confidence: float = 0.9,
) -> Finding:
    ref = snapshot.ref(service)
    missed = missed_by(snapshot, ref)
    return Finding.of(
        analyzer=ID,
        reason="ExternalNameNotFound" if behind is None else "NoEndpoints/ExternalName",
        ref=ref,
        title=f"{ref} {what}",
        severity=_severity(service, is_felt=bool(missed) or behind is not None),
        confidence=0.6 if behind is not None else confidence,
        cause=cause,
        evidence=(
            Evidence.of(ref, "spec", f"externalName: {service.spec.external_name}", locator="spec.externalName"),
            *(item.evidence(snapshot) for item in missed[:2]),
        ),
        remedies=(
            kubectl.describe(behind or ref),
            kubectl.read("See which Services there are", "get services -A"),
            kubectl.edit(ref, "Name what is meant, in full"),
        ),
        points_at=(behind,) if behind is not None else (),
        is_symptom=behind is not None,
    )


def _severity(service: Service, *, is_felt: bool) -> Severity:
    """What a controller wrote is its own business until somebody suffers from it."""
    if is_felt:
        return Severity.CRITICAL
    return Severity.INFO if service.controller is not None else Severity.WARNING


plugin = AnalyzerPlugin(id=ID, title="Services that are aliases of names elsewhere", analyze=analyze)
