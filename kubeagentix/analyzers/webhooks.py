"""Admission webhooks that do not answer: what the API server asks first before it accepts an object.

With `failurePolicy: Fail`, whatever a webhook's rules match cannot be made or changed while it does not answer; with
`Ignore` it is let through unchecked and unchanged.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.shortfall import earliest, is_older_than
from kubeagentix.analysis.webhook_backends import (
    CONFIGURATIONS,
    BackendTrouble,
    FailedCall,
    bundle_problem,
    failed_calls,
    service_trouble,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.extensions import AdmissionWebhook, ServiceReference, WebhookConfiguration
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "webhooks"
SETTLING_S = 60.0  # a chart's configuration is there before the pods behind it
INJECTION_S = 300.0  # the authorities are put in by a Job or a controller that starts as well
SHOWN = 3
# How a call fails though somebody listens, by the words of Go's net and crypto packages.
_FAILURES = (
    (re.compile(r'service "[^"]*" not found'), "ServiceNotFound", "its Service does not exist"),
    (re.compile(r"no endpoints available"), "NoEndpoints", "its Service has no ready endpoints"),
    (re.compile(r"x509: certificate has expired"), "CertificateExpired", "its certificate has expired"),
    (
        re.compile(r"x509:|tls:|load root certificates"),
        "CertificateInvalid",
        "its certificate is not trusted",
    ),
    (re.compile(r"connection refused"), "ConnectionRefused", "nobody listens there"),
    (re.compile(r"context deadline exceeded|i/o timeout|Client\.Timeout"), "Timeout", "it does not answer in time"),
    (re.compile(r"no such host"), "NoSuchHost", "its name is not known"),
    (
        re.compile(r"could not find the requested resource"),  # what the API server's client makes of a 404
        "PathNotFound",
        "its server knows no such path",
    ),
)
_BUNDLES = {
    "Empty": "names no authority for its certificate",
    "Invalid": "names authorities (caBundle) that are no certificates",
    "Expired": "names an authority (caBundle) that has expired",
}


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per configuration and kind of trouble."""
    for kind in CONFIGURATIONS:
        for configuration in snapshot.all(kind):
            if configuration.metadata.deletion_timestamp is None:
                found = list(_configuration(snapshot, configuration))
                yield from found or _reaching(snapshot, configuration)


def _configuration(snapshot: Snapshot, configuration: WebhookConfiguration) -> Iterator[Finding]:
    told: set[tuple[str, ResourceRef | None]] = set()
    for webhook in sorted(configuration.webhooks, key=lambda item: item.failure_policy != "Fail"):
        finding = _webhook(snapshot, configuration, webhook)
        if finding is not None:
            key = (finding.reason, next(iter(finding.points_at), None))
            if key not in told:
                told.add(key)
                yield finding


def _reaching(snapshot: Snapshot, configuration: WebhookConfiguration) -> Iterator[Finding]:
    """Advice: a webhook that must approve the system's own pods can keep a cluster from coming up again."""
    for webhook in configuration.webhooks:
        if webhook.failure_policy == "Fail" and _reaches_kube_system(snapshot, webhook):
            ref = snapshot.ref(configuration)
            yield Finding.of(
                analyzer=ID,
                reason="WebhookReachesKubeSystem",
                ref=ref,
                title=f"{ref} must approve pods of kube-system, too",
                severity=Severity.INFO,
                confidence=0.8,
                cause="While it does not answer, DNS, network and storage pods cannot be made, on which it may depend.",
                evidence=(_spec_evidence(ref, webhook),),
                remedies=(kubectl.describe(ref), kubectl.edit(ref, "Leave kube-system out by its namespaceSelector")),
            )
            return


def _webhook(snapshot: Snapshot, configuration: WebhookConfiguration, webhook: AdmissionWebhook) -> Finding | None:
    calls = failed_calls(snapshot).get(webhook.name, ())
    service, now = webhook.client_config.service, snapshot.taken_at
    made = configuration.metadata.creation_timestamp
    trouble = service_trouble(snapshot, service)
    if trouble is not None:
        is_known = bool(calls) or is_older_than(made, SETTLING_S, now)
        return _no_backend(snapshot, configuration, webhook, trouble, calls) if is_known else None
    problem = bundle_problem(webhook.client_config.ca_bundle, now) if service is not None else ""
    if problem and is_older_than(made, INJECTION_S, now):
        return _bad_bundle(snapshot, configuration, webhook, problem, calls)
    current = tuple(call for call in calls if call.is_current)
    return _failing(snapshot, configuration, webhook, current) if current else None


def _no_backend(
    snapshot: Snapshot,
    configuration: WebhookConfiguration,
    webhook: AdmissionWebhook,
    trouble: BackendTrouble,
    calls: tuple[FailedCall, ...],
) -> Finding:
    ref = snapshot.ref(configuration)
    return Finding.of(
        analyzer=ID,
        reason=f"FailedCallingWebhook/{trouble.split}",
        ref=ref,
        title=f"{ref} asks {trouble.service}, {trouble.phrase}{_toll(calls)}",
        severity=_severity(webhook, calls),
        confidence=0.7 if trouble.is_symptom else 0.95,
        cause=f"{_effect(snapshot, webhook)} {trouble.service}, {trouble.phrase}.",
        evidence=(_spec_evidence(ref, webhook), trouble.evidence, *(call.evidence for call in calls[:SHOWN])),
        remedies=_remedies(snapshot, ref, trouble.service),
        points_at=(trouble.service,),
        is_symptom=trouble.is_symptom,
        since=_since(calls),
    )


def _bad_bundle(
    snapshot: Snapshot,
    configuration: WebhookConfiguration,
    webhook: AdmissionWebhook,
    problem: str,
    calls: tuple[FailedCall, ...],
) -> Finding:
    ref = snapshot.ref(configuration)
    summary = f"webhook {webhook.name} {_BUNDLES[problem]}"
    locator = f"webhooks[{webhook.name}].clientConfig.caBundle"
    return Finding.of(
        analyzer=ID,
        reason=f"FailedCallingWebhook/CABundle{problem}",
        ref=ref,
        title=f"{ref} {_BUNDLES[problem]}{_toll(calls)}",
        severity=_severity(webhook, calls),
        confidence=0.9 if calls or problem != "Empty" else 0.7,
        cause=f"{_effect(snapshot, webhook)} it, as the API server cannot trust whoever answers.",
        evidence=(
            _spec_evidence(ref, webhook),
            Evidence.of(ref, "spec", summary, locator=locator),
            *(call.evidence for call in calls[:SHOWN]),
        ),
        remedies=_remedies(snapshot, ref, _service_of(snapshot, webhook)),
        since=_since(calls),
    )


def _failing(
    snapshot: Snapshot, configuration: WebhookConfiguration, webhook: AdmissionWebhook, calls: tuple[FailedCall, ...]
) -> Finding:
    ref, why, service = snapshot.ref(configuration), calls[0].why, _service_of(snapshot, webhook)
    split, words = next(
        ((split, words) for pattern, split, words in _FAILURES if pattern.search(why)), ("", "the call fails")
    )
    return Finding.of(
        analyzer=ID,
        reason=f"FailedCallingWebhook/{split}" if split else "FailedCallingWebhook",
        ref=ref,
        title=f"{ref} cannot be asked: {words}{_toll(calls)}",
        severity=_severity(webhook, calls),
        confidence=0.9 if split.startswith("Certificate") else 0.7,
        cause=f"{_effect(snapshot, webhook)} it: {excerpt(why)}",
        evidence=(_spec_evidence(ref, webhook), *(call.evidence for call in calls[:SHOWN])),
        remedies=_remedies(snapshot, ref, service),
        points_at=(service,) if service is not None else (),
        since=_since(calls),
    )


def _severity(webhook: AdmissionWebhook, calls: tuple[FailedCall, ...]) -> Severity:
    if webhook.failure_policy != "Fail":
        return Severity.INFO
    return Severity.CRITICAL if calls else Severity.WARNING


def _toll(calls: tuple[FailedCall, ...]) -> str:
    names = [str(call.about) for call in calls]
    if not names:
        return ""
    return f", so that {names[0]}" + (f" and {len(names) - 1} more are" if len(names) > 1 else " is") + " refused"


def _effect(snapshot: Snapshot, webhook: AdmissionWebhook) -> str:
    """What happens as long as nobody answers, up to the name of who does not."""
    what, where = _matched(webhook), " (in kube-system, too)" if _reaches_kube_system(snapshot, webhook) else ""
    if webhook.failure_policy == "Fail":
        return f"Webhook {webhook.name} must approve {what}{where}, and nothing of it is accepted without"
    return f"Webhook {webhook.name} looks at {what}{where}, which is let through unseen without"


def _matched(webhook: AdmissionWebhook) -> str:
    words = {
        "every object" if "*" in (*rule.resources, "*/*") and set(rule.resources) & {"*", "*/*"} else name
        for rule in webhook.rules
        for name in rule.resources
    }
    shown = sorted(words)[:SHOWN]
    return "every object" if "every object" in words else ", ".join(shown) or "some objects"


def _reaches_kube_system(snapshot: Snapshot, webhook: AdmissionWebhook) -> bool:
    namespace = snapshot.get(Namespace, "", "kube-system")
    if namespace is None or not any({"pods", "*", "*/*"} & set(rule.resources) for rule in webhook.rules):
        return False
    return webhook.object_selector.is_empty and webhook.namespace_selector.matches(namespace.metadata.labels)


def _service_of(snapshot: Snapshot, webhook: AdmissionWebhook) -> ResourceRef | None:
    service: ServiceReference | None = webhook.client_config.service
    return snapshot.named("Service", service.namespace, service.name) if service is not None else None


def _spec_evidence(ref: ResourceRef, webhook: AdmissionWebhook) -> Evidence:
    service = webhook.client_config.service
    path = f" for {service.path}" if service is not None and service.path else ""
    target = f"Service {service.namespace}/{service.name}{path}" if service is not None else webhook.client_config.url
    return Evidence.of(
        ref,
        "spec",
        f"webhook {webhook.name} asks {excerpt(target)}, failurePolicy {webhook.failure_policy}",
        locator=f"webhooks[{webhook.name}].clientConfig",
    )


def _since(calls: tuple[FailedCall, ...]) -> datetime | None:
    return earliest(call.evidence.observed_at for call in calls)


def _remedies(snapshot: Snapshot, ref: ResourceRef, service: ResourceRef | None) -> tuple[Remedy, ...]:
    looks = [kubectl.describe(service)] if service is not None and snapshot.find(service) is not None else []
    why = "only if what it checked is gone for good, or cannot be brought back soon: nothing is checked then"
    return (
        kubectl.describe(ref),
        *looks,
        kubectl.write("Do without it", f"delete {kubectl.arguments(ref)}", why=why),
    )


plugin = AnalyzerPlugin(id=ID, title="Admission webhooks and what answers behind them", analyze=analyze)
