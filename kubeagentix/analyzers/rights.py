"""Refusals of the API server, read from logs, events and conditions, and the Role or binding that lacks the right.

A refusal counts only while RBAC, as it stands now, would refuse the request again: rights are often given a moment
after the pod that needs them started. What another server calls forbidden is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kubeagentix.analysis import granting, kubectl
from kubeagentix.analysis.containers import PodContainer, keeps_ending, restless_containers
from kubeagentix.analysis.denials import denials_in
from kubeagentix.analysis.event_reasons import warnings
from kubeagentix.analysis.rbac import Request, subjects_of
from kubeagentix.analysis.refusals import Refusal, refusals_of
from kubeagentix.analysis.rights import Lack, lack_of, who
from kubeagentix.analysis.troubles import clipped, event_evidence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.access import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "rights"
SHOWN = 3  # of refusals: more of them say nothing new
_RULES_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A refusal, whose it is, and what it does there."""

    request: Request
    lack: Lack
    place: ResourceRef
    evidence: Evidence
    severity: Severity


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per object and kind of lack: `Forbidden/MissingVerb`, `Forbidden/NoBinding` …."""
    groups: dict[tuple[ResourceRef, str], list[_Case]] = defaultdict(list)
    for case in (*_logged(snapshot), *_reported(snapshot), *_conditions(snapshot)):
        ref = case.place if case.lack.is_of_pod else case.lack.ref
        groups[(ref, case.lack.reason)].append(case)
    for (ref, reason), cases in groups.items():
        yield _finding(snapshot, ref, reason, cases)


def _logged(snapshot: Snapshot) -> Iterator[_Case]:
    for container in restless_containers(snapshot):
        ref = snapshot.ref(container.pod)
        for refusal in refusals_of(snapshot, container):
            previous = " (previous)" if refusal.log.is_previous else ""
            times = f", {refusal.times} times" if refusal.times > 1 else ""
            yield _Case(
                request=refusal.request,
                lack=refusal.lack,
                place=snapshot.workload_of(container.pod),
                evidence=Evidence.of(
                    ref,
                    "log",
                    f"{container.label} was refused {refusal.request.verb} on {refusal.request.what}{times}",
                    excerpt=clipped(refusal.line),
                    locator=f"log/{container.name}{previous}",
                ),
                severity=_severity(snapshot, container, refusal),
            )


def _severity(snapshot: Snapshot, container: PodContainer, refusal: Refusal) -> Severity:
    """Critical where the container does not work; else a warning if it keeps asking, as what works tries once.

    Events are only told to people: who may not write them works all the same.
    """
    is_event = refusal.request.resource == "events" and refusal.request.verb in ("create", "patch", "update")
    if is_event:
        return Severity.INFO
    if not container.status.ready or keeps_ending(container, snapshot.taken_at):
        return Severity.CRITICAL
    return Severity.WARNING if refusal.times > 1 else Severity.INFO


def _reported(snapshot: Snapshot) -> Iterator[_Case]:
    for event in warnings(snapshot):
        about = event.involved_object
        for request in denials_in(event.message):
            ref = snapshot.named(about.kind, about.namespace, about.name)
            yield from _case(snapshot, ref, request, event_evidence(snapshot, event, ref))


def _conditions(snapshot: Snapshot) -> Iterator[_Case]:
    for kind, objects in snapshot.objects.items():
        tells = kind != Pod.kind and bool(objects) and hasattr(objects[0], "status")  # those of a kind are of one type
        for item in objects if tells else ():
            conditions: tuple[Condition, ...] = getattr(getattr(item, "status", None), "conditions", ())
            for found in conditions:
                for request in denials_in(found.message):
                    ref = snapshot.ref(item)
                    evidence = Evidence.of(
                        ref,
                        "status",
                        f"condition {found.type} is {found.status}: {found.reason}",
                        excerpt=clipped(found.message),
                        locator=f"status.conditions[{found.type}]",
                        observed_at=found.last_transition_time,
                    )
                    yield from _case(snapshot, ref, request, evidence)


def _case(snapshot: Snapshot, ref: ResourceRef, request: Request, evidence: Evidence) -> Iterator[_Case]:
    lack, found = lack_of(snapshot, request), snapshot.find(ref)
    if lack is not None and found is not None:
        place = snapshot.workload_of(found)
        yield _Case(request=request, lack=lack, place=place, evidence=evidence, severity=Severity.WARNING)


def _finding(snapshot: Snapshot, ref: ResourceRef, reason: str, cases: Sequence[_Case]) -> Finding:
    cases = sorted(cases, key=lambda case: -case.severity.rank)
    first, lack = cases[0], cases[0].lack
    requests = tuple(dict.fromkeys(case.request for case in cases))
    words = tuple(dict.fromkeys(case.lack.words for case in cases))
    account = who(snapshot, first.request)
    places = tuple(dict.fromkeys(case.place for case in cases))
    missing = (lack.role,) if lack.role is not None and reason == "RoleNotFound" else ()
    return Finding.of(
        analyzer=ID,
        reason=f"Forbidden/{reason}" if reason else "Forbidden",
        ref=ref,
        title=f"{account} may not {_asked(requests)}: {words[0]}",
        severity=first.severity,
        confidence=lack.confidence,
        cause=f"{'. '.join(f'{item[0].upper()}{item[1:]}' for item in words[:SHOWN])}. "
        f"This stops {', '.join(str(place) for place in places[:SHOWN])}.",
        evidence=(*_refusals(cases), *_rbac_evidence(snapshot, cases)),
        remedies=(*granting.remedies(snapshot, lack, requests), *_use_account(lack, ref)),
        points_at=(*missing, *(item for item in lack.involved if snapshot.find(item) is None)),
        explains=places,
        detail=first.request.user,
    )


def _asked(requests: Sequence[Request]) -> str:
    """`list pods and watch pods in namespace shop`."""
    shown = [f"{request.verb} {request.what}" for request in requests[:SHOWN]]
    more = " and more" if len(requests) > SHOWN else ""
    return f"{' and '.join(shown)}{more} {requests[0].place}"


def _refusals(cases: Sequence[_Case]) -> tuple[Evidence, ...]:
    return tuple({case.evidence.id: case.evidence for case in cases}.values())[:SHOWN]


def _rbac_evidence(snapshot: Snapshot, cases: Sequence[_Case]) -> Iterator[Evidence]:
    refs = (ref for case in cases for ref in (case.lack.binding, case.lack.role) if ref is not None)
    for ref in tuple(dict.fromkeys(refs))[:SHOWN]:
        found = snapshot.find(ref)
        if isinstance(found, RoleBinding | ClusterRoleBinding):
            subjects = ", ".join(
                f"{item.kind} {f'{item.namespace}/' if item.namespace else ''}{item.name}"
                for item in subjects_of(found)
            )
            what = f"gives {found.role_ref.kind} {found.role_ref.name} to {subjects or 'nobody'}"
            yield Evidence.of(ref, "spec", what, locator="subjects")
        elif isinstance(found, Role | ClusterRole):
            rules = "\n".join(granting.rule_excerpt(rule) for rule in found.rules[:_RULES_SHOWN])
            yield Evidence.of(ref, "spec", f"the rules of {ref}", excerpt=clipped(rules), locator="rules")


def _use_account(lack: Lack, ref: ResourceRef) -> tuple[Remedy, ...]:
    if not lack.account:
        return ()
    command = f"set serviceaccount {ref.kind.lower()}/{ref.name} {lack.account}"
    return (kubectl.write(f"Let the pods use ServiceAccount {lack.account}", command, ref.namespace),)


plugin = AnalyzerPlugin(id=ID, title="Requests that the API server refuses", analyze=analyze)
