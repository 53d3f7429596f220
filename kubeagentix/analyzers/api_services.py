"""APIs that other servers answer for, and definitions of kinds: which of them do not work, and what stands behind.

Source: kube-aggregator/pkg/controllers/status (reasons of Available), apiextensions-apiserver/pkg/controller/status
and establish (conditions of definitions).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.shortfall import describe_age, is_older_than
from kubeagentix.analysis.troubles import sentence
from kubeagentix.analysis.webhook_backends import service_trouble
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.extensions import APIService, CustomResourceDefinition
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "api-services"
GRACE_S = 60.0  # a server that restarts is unavailable for a moment
# The Service is there, and what is behind it says why.
_NOBODY_THERE = ("MissingEndpoints", "EndpointsNotFound", "FailedDiscoveryCheck")
_DELETIONS = "No namespace can be deleted while the list of APIs is not complete."
_USES = {
    "metrics.k8s.io": "Autoscalers on CPU and memory and `kubectl top` do without numbers.",
    "custom.metrics.k8s.io": "Autoscalers on custom metrics do without numbers.",
    "external.metrics.k8s.io": "Autoscalers on external metrics do without numbers.",
}


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per APIService, and per definition and thing that is wrong."""
    for service in snapshot.all(APIService):
        if service.metadata.deletion_timestamp is None:
            yield from _api_service(snapshot, service)
    for definition in snapshot.all(CustomResourceDefinition):
        if definition.metadata.deletion_timestamp is None:
            yield from _definition(snapshot, definition)
            yield from _conversion(snapshot, definition)


def _is_past_grace(snapshot: Snapshot, made: APIService | CustomResourceDefinition, item: Condition) -> bool:
    moments = (made.metadata.creation_timestamp, item.last_transition_time)
    return all(is_older_than(moment, GRACE_S, snapshot.taken_at) for moment in moments)


def _api_service(snapshot: Snapshot, service: APIService) -> Iterator[Finding]:
    available = condition(service.status.conditions, "Available")
    if available is None or available.status != "False" or not _is_past_grace(snapshot, service, available):
        return
    ref, backend, group = snapshot.ref(service), service.spec.service, service.spec.group
    behind = snapshot.named("Service", backend.namespace, backend.name) if backend is not None else None
    is_symptom = available.reason in _NOBODY_THERE
    yield Finding.of(
        analyzer=ID,
        reason=f"APIServiceUnavailable/{available.reason}" if available.reason else "APIServiceUnavailable",
        ref=ref,
        title=f"{group}/{service.spec.version} is not served: {behind or 'its server'} does not answer"
        f"{describe_age(available.last_transition_time, snapshot.taken_at)}",
        severity=Severity.CRITICAL,
        confidence=0.7 if is_symptom else 0.95,
        cause=" ".join(filter(None, (sentence(available.message), _USES.get(group, ""), _DELETIONS))),
        evidence=(_condition_evidence(ref, available),),
        remedies=(
            kubectl.describe(ref),
            *((kubectl.describe(behind),) if behind is not None and snapshot.find(behind) is not None else ()),
            kubectl.write(
                "Do without it", f"delete {kubectl.arguments(ref)}", why="only if its server is gone for good"
            ),
        ),
        points_at=(behind,) if behind is not None else (),
        is_symptom=is_symptom,
        since=available.last_transition_time,
    )


def _definition(snapshot: Snapshot, definition: CustomResourceDefinition) -> Iterator[Finding]:
    """A name that is taken explains that the kind is not established."""
    for kind, word in (("NamesAccepted", "NamesNotAccepted"), ("Established", "NotEstablished")):
        found = condition(definition.status.conditions, kind)
        if found is not None and found.status == "False" and _is_past_grace(snapshot, definition, found):
            ref = snapshot.ref(definition)
            yield Finding.of(
                analyzer=ID,
                reason=f"{word}/{found.reason}" if found.reason else word,
                ref=ref,
                title=f"{definition.spec.names.kind} of {definition.spec.group} is not served: "
                f"{'its names are taken' if kind == 'NamesAccepted' else 'its definition is not established'}",
                severity=Severity.CRITICAL,
                confidence=0.9,
                cause=excerpt(found.message) or "The API server has not said why.",
                evidence=(_condition_evidence(ref, found),),
                remedies=(
                    kubectl.describe(ref),
                    kubectl.read("See which definitions there are", "get customresourcedefinitions"),
                ),
                since=found.last_transition_time,
            )
            return


def _conversion(snapshot: Snapshot, definition: CustomResourceDefinition) -> Iterator[Finding]:
    conversion = definition.spec.conversion
    served = [version.name for version in definition.spec.versions if version.served]
    if conversion.strategy != "Webhook" or conversion.webhook is None or len(served) < 2:
        return
    if not is_older_than(definition.metadata.creation_timestamp, GRACE_S, snapshot.taken_at):
        return
    trouble = service_trouble(snapshot, conversion.webhook.client_config.service)
    if trouble is None:
        return
    ref, kind = snapshot.ref(definition), definition.spec.names.kind
    yield Finding.of(
        analyzer=ID,
        reason=f"ConversionWebhook/{trouble.split}",
        ref=ref,
        title=f"{kind} objects cannot be converted: {ref} asks {trouble.service}, {trouble.phrase}",
        severity=Severity.WARNING,
        confidence=0.7 if trouble.is_symptom else 0.95,
        cause=f"Versions {', '.join(served)} of {kind} are served; all but the stored one need its webhook's answer.",
        evidence=(
            Evidence.of(ref, "spec", f"its webhook is {trouble.service}", locator="spec.conversion.webhook"),
            trouble.evidence,
        ),
        remedies=(
            kubectl.describe(ref),
            *((kubectl.describe(trouble.service),) if snapshot.find(trouble.service) is not None else ()),
        ),
        points_at=(trouble.service,),
        is_symptom=trouble.is_symptom,
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


plugin = AnalyzerPlugin(id=ID, title="Aggregated APIs and definitions of kinds", analyze=analyze)
