"""Advice on webhooks: those that change pods are asked one after another, so that their timeouts add up.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, ResourceRef
from kubeagentix.domain.extensions import AdmissionWebhook, MutatingWebhookConfiguration
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-webhooks"
LONG_S = 30  # as long as one webhook may take at most; the API server gives a whole request 60


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding of severity `info`: about the namespace whose pods may wait longest."""
    rounds = [(space, tuple(_asked(snapshot, space))) for space in snapshot.all(Namespace)]
    namespace, asked = max(rounds, key=lambda item: _seconds(item[1]), default=(None, ()))
    if namespace is None or len(asked) < 2 or _seconds(asked) < LONG_S:
        return
    slowest = max(asked, key=lambda item: item[1].timeout_seconds)
    yield advice(
        ID,
        "WebhookTimeouts",
        slowest[0],
        title=f"a pod of namespace {namespace.name} may wait {_seconds(asked)} s for webhooks",
        why="They are asked one after another; if they do not answer, requests fail by their own timeout before a "
        "failurePolicy of Ignore can help.",
        remarks=[
            Remark(
                seen=f"{webhook.name} of {ref} has {webhook.timeout_seconds} s",
                locator=f"webhooks[{webhook.name}].timeoutSeconds",
            )
            for ref, webhook in asked
        ],
    )


def _asked(snapshot: Snapshot, namespace: Namespace) -> Iterator[tuple[ResourceRef, AdmissionWebhook]]:
    """The webhooks that may change any pod that is made there."""
    for configuration in snapshot.all(MutatingWebhookConfiguration):
        for webhook in configuration.webhooks:
            is_for_all = webhook.object_selector.is_empty
            if (
                is_for_all
                and webhook.namespace_selector.matches(namespace.metadata.labels)
                and _is_of_new_pods(webhook)
            ):
                yield snapshot.ref(configuration), webhook


def _is_of_new_pods(webhook: AdmissionWebhook) -> bool:
    return any(
        {"CREATE", "*"} & set(rule.operations) and {"pods", "*", "*/*"} & set(rule.resources) for rule in webhook.rules
    )


def _seconds(asked: tuple[tuple[ResourceRef, AdmissionWebhook], ...]) -> int:
    return sum(webhook.timeout_seconds for _, webhook in asked)


plugin = AnalyzerPlugin(id=ID, title="Advice on webhooks", analyze=analyze, is_lint=True)
