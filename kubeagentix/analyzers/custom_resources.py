"""Custom resources that say that they are not well, whatever their kind, and what they say it is for.

An operator writes what is wrong into conditions or a phase, in its own words. What can be read off all of them alike:
that something is wrong, since when, the names of other objects in the message, what the spec refers to, and which
objects the operator has made for it. The correlation then goes from a Certificate to its Challenge, and from a
release to its crashing Deployment.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.custom_states import State, is_calm, state_of
from kubeagentix.analysis.named_objects import NamedObject, named_objects
from kubeagentix.analysis.shortfall import describe_age
from kubeagentix.analysis.troubles import sentence
from kubeagentix.analysis.webhook_backends import webhooks_named
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.extensions import CustomResource
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import Service
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import DaemonSet, Deployment, StatefulSet
from kubeagentix.errors import excerpt

ID = "custom-resources"
SHOWN = 3
MAX_POINTED = 12
_WEBHOOK = re.compile(r'webhook "([^"]+)"')
_SERVICE_HOST = re.compile(r"\b([a-z0-9-]{1,63})\.([a-z0-9-]{1,63})\.svc\b")
_MISSING = re.compile(r"not ?found|does(?: not|n't) exist|no such|missing|no matches", re.IGNORECASE)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per custom resource, and one per Secret that one of them was to make."""
    for resource in snapshot.custom_resources:
        state = state_of(snapshot, resource)
        if state is not None:
            yield from _troubled(snapshot, resource, state)
        elif _is_behind(resource):
            yield _behind(snapshot, resource)


def _troubled(snapshot: Snapshot, resource: CustomResource, state: State) -> Iterator[Finding]:
    ref = snapshot.ref(resource)
    own = (ref, *_makes(snapshot, resource))
    said = named_objects(snapshot, state.message, resource.namespace)
    named = tuple(item for item in said if item.ref not in own)
    missing = (*(item.ref for item in named if item.is_missing), *_missing_references(snapshot, resource, state))
    blamed = _blamed(snapshot, resource, state, named, missing)
    about = f": {missing[0]} does not exist" if missing else ""
    yield Finding.of(
        analyzer=ID,
        reason=state.reason,
        ref=ref,
        title=f"{ref} is {state.word}{describe_age(state.since, snapshot.taken_at)}{about}",
        severity=state.severity,
        confidence=0.9 if missing else 0.8 if state.is_failed and state.message else 0.6,
        cause=sentence(state.message, 600) if state.message else "Its controller has not said why; it may not run.",
        evidence=(
            _state_evidence(ref, resource, state),
            *(Evidence.of(item, "status", f"there is no {item}", locator="metadata.name") for item in missing[:SHOWN]),
            *_event_evidence(snapshot, resource),
        ),
        remedies=_remedies(snapshot, ref, blamed),
        points_at=blamed,
        is_symptom=not missing and _is_symptom(snapshot, resource, state, named),
        since=state.since,
    )
    if state.severity is not Severity.INFO:
        yield from _not_made(snapshot, resource, state)


def _makes(snapshot: Snapshot, resource: CustomResource) -> tuple[ResourceRef, ...]:
    """The Secrets that it is there to make."""
    if not resource.namespace:
        return ()
    return tuple(snapshot.named("Secret", resource.namespace, name) for name in resource.spec.secrets)


def _missing_references(snapshot: Snapshot, resource: CustomResource, state: State) -> tuple[ResourceRef, ...]:
    """What its spec refers to and is not there, where it says that it misses something."""
    if not _MISSING.search(f"{state.reason} {state.message}"):
        return ()
    made = _makes(snapshot, resource)
    return tuple(
        ref
        for ref in _references(snapshot, resource)
        if ref not in made and snapshot.find(ref) is None and _was_read(snapshot, ref)
    )


def _references(snapshot: Snapshot, resource: CustomResource) -> tuple[ResourceRef, ...]:
    refs = []
    for item in resource.spec.references:
        kind = snapshot.kind_name(item.api_version, item.kind)
        ref = snapshot.named(kind, item.namespace or resource.namespace, item.name)
        wide = snapshot.named(kind, "", item.name)
        is_wide = snapshot.find(ref) is None and snapshot.find(wide) is not None
        refs.append(wide if is_wide or (kind in KINDS and not KINDS[kind].is_namespaced) else ref)
    return tuple(dict.fromkeys(refs))


def _was_read(snapshot: Snapshot, ref: ResourceRef) -> bool:
    kind = KINDS.get(ref.kind)
    return (
        kind is not None
        and bool(ref.namespace or not kind.is_namespaced)
        and snapshot.was_read(kind.type, ref.namespace, name=ref.name)
    )


def _blamed(
    snapshot: Snapshot,
    resource: CustomResource,
    state: State,
    named: tuple[NamedObject, ...],
    missing: tuple[ResourceRef, ...],
) -> tuple[ResourceRef, ...]:
    """The objects whose failure would explain it: named ones first, then its parts, then what it refers to."""
    webhooks = [
        snapshot.ref(configuration)
        for name in _WEBHOOK.findall(state.message)
        for configuration, _ in webhooks_named(snapshot, name)
    ]
    services = [
        snapshot.ref(service)
        for name, namespace in _SERVICE_HOST.findall(state.message)
        if (service := snapshot.get(Service, namespace, name)) is not None
    ]
    listed = [
        snapshot.named(snapshot.kind_name(item.api_version, item.kind), item.namespace or resource.namespace, item.name)
        for item in resource.status.unhealthy
    ]
    referred = [ref for ref in _references(snapshot, resource) if _may_explain(snapshot, ref)]
    found = (
        *missing,
        *(item.ref for item in named),
        *webhooks,
        *services,
        *listed,
        *(snapshot.ref(part) for part in _parts(snapshot, resource)),
        *referred,
    )
    own = snapshot.ref(resource)
    return tuple(ref for ref in dict.fromkeys(found) if ref != own)[:MAX_POINTED]


def _may_explain(snapshot: Snapshot, ref: ResourceRef) -> bool:
    """Whether what a spec refers to may be why: a workload, a sick custom resource, or what is not seen."""
    found = snapshot.find(ref)
    if found is None:
        return bool(ref.namespace) and not snapshot.covers(ref.namespace)
    return isinstance(found, Service) or _can_fail(snapshot, found)


def _parts(snapshot: Snapshot, resource: CustomResource) -> tuple[Resource, ...]:
    """What its controller has made for it: owned objects, and workloads labelled with its group, name and namespace."""
    ref = snapshot.ref(resource)
    owned = [item for item in snapshot.owned.get(ref.key, ()) if _can_fail(snapshot, item)]
    key = (resource.group, resource.namespace, resource.name)
    return (*owned, *snapshot.derived(_labelled).get(key, ()))


def _can_fail(snapshot: Snapshot, item: Resource) -> bool:
    if isinstance(item, CustomResource):
        return state_of(snapshot, item) is not None
    return isinstance(item, Deployment | StatefulSet | DaemonSet)


def _labelled(snapshot: Snapshot) -> Mapping[tuple[str, str, str], tuple[Resource, ...]]:
    """Workloads by the labels GROUP/name and GROUP/namespace, by which Flux, for one, marks what it applies."""
    groups: dict[tuple[str, str, str], list[Resource]] = defaultdict(list)
    for kind in (Deployment, StatefulSet, DaemonSet):
        for item in snapshot.all(kind):
            for key, name in item.metadata.labels.items():
                group, _, word = key.rpartition("/")
                place = item.metadata.labels.get(f"{group}/namespace")
                if word == "name" and group and place is not None:
                    groups[group, place, name].append(item)
    return {key: tuple(items) for key, items in groups.items()}


def _is_symptom(snapshot: Snapshot, resource: CustomResource, state: State, named: tuple[NamedObject, ...]) -> bool:
    """Whether what others say explains it: those it names, its parts, its pods; or it says nothing itself."""
    has_parts = bool(_parts(snapshot, resource) or resource.status.unhealthy)
    has_pods = bool(snapshot.pods_of(snapshot.workload_of(resource)))
    return bool(named) or has_parts or has_pods or not state.message or not state.is_failed


def _not_made(snapshot: Snapshot, resource: CustomResource, state: State) -> Iterator[Finding]:
    """The Secrets that it was to make and that are not there, so that those who need one find its maker."""
    ref = snapshot.ref(resource)
    for secret in _makes(snapshot, resource):
        if snapshot.lacks(secret):
            yield Finding.of(
                analyzer=ID,
                reason="SecretNotFound",
                ref=secret,
                title=f"{secret} does not exist: {ref}, which is to make it, is {state.word}",
                severity=Severity.WARNING,
                confidence=0.6,
                cause=f"Nobody else makes it as long as {ref} does not.",
                evidence=(Evidence.of(ref, "spec", f"{ref} is to make {secret}", locator="spec"),),
                remedies=(kubectl.describe(ref),),
                points_at=(ref,),
                is_symptom=True,
                since=state.since,
            )


def _is_behind(resource: CustomResource) -> bool:
    observed = resource.status.observed_generation
    is_asked = resource.metadata.deletion_timestamp is None and not is_calm(resource)
    return is_asked and observed is not None and 0 < observed < resource.metadata.generation


def _behind(snapshot: Snapshot, resource: CustomResource) -> Finding:
    ref, observed = snapshot.ref(resource), resource.status.observed_generation
    summary = f"generation {resource.metadata.generation}, observed {observed}"
    return Finding.of(
        analyzer=ID,
        reason="GenerationNotObserved",
        ref=ref,
        title=f"{ref} was changed and its controller has not looked at it since",
        severity=Severity.INFO,  # when it was changed is not known
        confidence=0.5,
        cause="Its status is that of an older spec; if this lasts, its controller does not run.",
        evidence=(Evidence.of(ref, "status", summary, locator="status.observedGeneration"),),
        remedies=(kubectl.describe(ref),),
    )


def _state_evidence(ref: ResourceRef, resource: CustomResource, state: State) -> Evidence:
    is_old = _is_behind(resource)
    older = f" (of generation {resource.status.observed_generation}, not the present one)" if is_old else ""
    return Evidence.of(
        ref,
        "status",
        f"it is {state.word}: {state.reason.partition('/')[2] or state.word}{older}",
        excerpt=excerpt(state.message, 600),
        locator=state.field,
        observed_at=state.since,
    )


def _event_evidence(snapshot: Snapshot, resource: CustomResource) -> tuple[Evidence, ...]:
    ref = snapshot.ref(resource)
    warnings = [event for event in snapshot.events_for(resource) if event.is_warning]
    return tuple(
        Evidence.of(
            ref,
            "event",
            f"event {event.reason}",
            excerpt=excerpt(event.message, 600),
            locator=f"event/{event.reason}",
            observed_at=event.seen_at,
        )
        for event in warnings[:1]
    )


def _remedies(snapshot: Snapshot, ref: ResourceRef, blamed: tuple[ResourceRef, ...]) -> tuple[Remedy, ...]:
    existing = [item for item in blamed if snapshot.find(item) is not None]
    return (kubectl.describe(ref), *(kubectl.describe(item) for item in existing[:2]))


plugin = AnalyzerPlugin(id=ID, title="Custom resources and what they say of themselves", analyze=analyze)
