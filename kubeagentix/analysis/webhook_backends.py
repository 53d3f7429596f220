"""What stands behind a webhook or an aggregated API: the Service that the API server calls, and whom it trusts."""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubeagentix.analysis.backends import backing_of, describe_ports
from kubeagentix.analysis.event_reasons import warnings
from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.extensions import (
    AdmissionWebhook,
    MutatingWebhookConfiguration,
    ServiceReference,
    ValidatingWebhookConfiguration,
    WebhookConfiguration,
)
from kubeagentix.domain.meta import Condition, Resource
from kubeagentix.domain.network import Service
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, ReplicaSet, ReplicationController
from kubeagentix.errors import excerpt

NEW_SERVICE_GRACE_S = 60.0  # a Service is often made a moment before its pods
CURRENT_S = 180.0  # what was refused before that may have come about since
CONFIGURATIONS: tuple[type[WebhookConfiguration], ...] = (ValidatingWebhookConfiguration, MutatingWebhookConfiguration)
# Source: apiserver/pkg/util/webhook/error.go (ErrCallingWebhook)
_FAILED_CALL = re.compile(r'failed calling webhook "(?P<name>[^"]+)": ?(?P<why>.*)', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendTrouble:
    """Why nobody answers behind a Service that the API server calls: a word for it, and a phrase."""

    split: str
    phrase: str
    service: ResourceRef
    evidence: Evidence

    @property
    def is_symptom(self) -> bool:
        """Whether the Service is there, so that what is behind it says why."""
        return self.split == "NoEndpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """A request that was refused because a webhook did not answer, as an event or a condition tells of it."""

    about: ResourceRef
    why: str
    evidence: Evidence
    is_current: bool  # still refused, for all that is known


def service_trouble(snapshot: Snapshot, reference: ServiceReference | None) -> BackendTrouble | None:
    """What is wrong with the Service behind a webhook; None if nothing is, or nothing is known of it."""
    if reference is None or not snapshot.was_read(Service, reference.namespace, name=reference.name):
        return None
    ref = snapshot.named("Service", reference.namespace, reference.name)
    service = snapshot.get(Service, reference.namespace, reference.name)
    if service is None:
        evidence = Evidence.of(ref, "status", f"there is no {ref}", locator="metadata.name")
        return BackendTrouble(split="ServiceNotFound", phrase="which does not exist", service=ref, evidence=evidence)
    if not any(port.port == reference.port for port in service.spec.ports):
        summary = f"{ref} has the ports {describe_ports(service)}, and is called on {reference.port}"
        evidence = Evidence.of(ref, "spec", summary, locator="spec.ports")
        phrase = f"which has no port {reference.port}"
        return BackendTrouble(split="ServicePortNotFound", phrase=phrase, service=ref, evidence=evidence)
    if not _is_empty(snapshot, service):
        return None
    evidence = Evidence.of(ref, "status", f"no ready pod stands behind {ref}", locator="spec.selector")
    return BackendTrouble(split="NoEndpoints", phrase="which has no ready endpoints", service=ref, evidence=evidence)


def _is_empty(snapshot: Snapshot, service: Service) -> bool:
    backing = backing_of(snapshot, service)
    if not backing.is_empty:
        return False
    if backing.pods:
        return bool(late_pods(snapshot, backing.pods))
    return is_older_than(service.metadata.creation_timestamp, NEW_SERVICE_GRACE_S, snapshot.taken_at)


def bundle_problem(ca_bundle: str, now: datetime) -> str:
    """What is wrong with the authorities of a webhook: `Empty`, `Invalid`, `Expired`, or nothing."""
    if not ca_bundle:
        return "Empty"
    from cryptography import x509  # noqa: PLC0415  40 ms to import

    try:
        authorities = x509.load_pem_x509_certificates(base64.b64decode(ca_bundle))
    except (ValueError, binascii.Error):
        return "Invalid"
    return "Expired" if all(item.not_valid_after_utc < now for item in authorities) else ""


def webhooks_named(snapshot: Snapshot, name: str) -> tuple[tuple[WebhookConfiguration, AdmissionWebhook], ...]:
    """The webhooks of that name, with their configurations."""
    return snapshot.derived(_by_name).get(name, ())


def _by_name(snapshot: Snapshot) -> Mapping[str, tuple[tuple[WebhookConfiguration, AdmissionWebhook], ...]]:
    found: dict[str, list[tuple[WebhookConfiguration, AdmissionWebhook]]] = defaultdict(list)
    for kind in CONFIGURATIONS:
        for configuration in snapshot.all(kind):
            for webhook in configuration.webhooks:
                found[webhook.name].append((configuration, webhook))
    return {name: tuple(items) for name, items in found.items()}


def failed_calls(snapshot: Snapshot) -> Mapping[str, tuple[FailedCall, ...]]:
    """The requests that failed for want of each webhook's answer, by its name."""
    return snapshot.derived(_failed_calls)


def _failed_calls(snapshot: Snapshot) -> Mapping[str, tuple[FailedCall, ...]]:
    calls: dict[str, dict[ResourceRef, FailedCall]] = defaultdict(dict)
    for name, call in (*_from_conditions(snapshot), *_from_events(snapshot)):
        calls[name].setdefault(call.about, call)
    return {name: tuple(items.values()) for name, items in calls.items()}


def _from_conditions(snapshot: Snapshot) -> Iterator[tuple[str, FailedCall]]:
    owners: list[tuple[Resource, tuple[Condition, ...]]] = [
        *((item, item.status.conditions) for item in snapshot.all(ReplicaSet)),
        *((item, item.status.conditions) for item in snapshot.all(ReplicationController)),
        *((item, item.status.conditions) for item in snapshot.all(Deployment)),
        *((item, item.status.conditions) for item in snapshot.custom_resources),
    ]
    for owner, conditions in owners:
        for item in conditions:
            match = _FAILED_CALL.search(item.message)
            if match is not None:
                evidence = Evidence.of(
                    snapshot.ref(owner),
                    "status",
                    f"{item.type} is {item.status}: {item.reason}",
                    excerpt=excerpt(item.message, 600),
                    locator=f"status.conditions[{item.type}]",
                    observed_at=item.last_transition_time,
                )
                about = snapshot.workload_of(owner)
                yield match["name"], FailedCall(about=about, why=match["why"], evidence=evidence, is_current=True)


def _from_events(snapshot: Snapshot) -> Iterator[tuple[str, FailedCall]]:
    for event in warnings(snapshot):
        match = _FAILED_CALL.search(event.message)
        if match is None:
            continue
        involved = event.involved_object
        kind = snapshot.kind_name(involved.api_version, involved.kind)
        about = snapshot.named(kind, involved.namespace, involved.name)
        found = snapshot.find(about)
        evidence = Evidence.of(
            about,
            "event",
            f"event {event.reason} of {about}",
            excerpt=excerpt(event.message, 600),
            locator=f"event/{event.reason}",
            observed_at=event.seen_at,
        )
        age = snapshot.taken_at - event.seen_at if event.seen_at else timedelta.max
        yield (
            match["name"],
            FailedCall(
                about=snapshot.workload_of(found) if found is not None else about,
                why=match["why"],
                evidence=evidence,
                is_current=age < timedelta(seconds=CURRENT_S),
            ),
        )
