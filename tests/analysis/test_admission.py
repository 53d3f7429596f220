"""The texts are those of Kubernetes 1.20 to 1.34, as controllers copy them into events and conditions."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.admission import read_amounts, read_refusal

FORBIDDEN = 'Error creating: pods "web-7c8f4d5b-jklxw" is forbidden: '


@pytest.mark.parametrize(
    ("message", "split", "words"),
    [
        (
            FORBIDDEN
            + "exceeded quota: compute, requested: requests.cpu=200m,pods=1, used: requests.cpu=400m,pods=5, "
            + "limited: requests.cpu=500m,pods=5",
            "QuotaExceeded",
            "requests.cpu: 200m more is asked for, 400m of 500m are in use; pods: 1 more is asked for, 5 of 5",
        ),
        (
            FORBIDDEN + "failed quota: compute: must specify limits.cpu for: app; limits.memory for: app",
            "QuotaUnspecified",
            "limits.cpu for: app; limits.memory for: app",
        ),
        (
            FORBIDDEN + "maximum cpu usage per Container is 1, but limit is 2",
            "LimitRange",
            "Cpu limit 2 is above the maximum of 1 per Container.",
        ),
        (FORBIDDEN + "minimum memory usage per Pod is 64Mi, but request is 32Mi", "LimitRange", "64Mi"),
        (
            FORBIDDEN + "[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container "
            "is 1Gi, but limit is 2Gi]",
            "LimitRange",
            "Cpu limit 2 is above the maximum of 1 per Container; memory limit 2Gi is above the maximum of 1Gi",
        ),
        (
            FORBIDDEN + "maximum memory usage per Pod is 100Mi, but limit is 125829120",
            "LimitRange",
            "Memory limit 120Mi is above the maximum of 100Mi per Pod.",
        ),
        (
            FORBIDDEN + "minimum cpu usage per Container is 20m.  No request is specified",
            "LimitRange",
            "No cpu request is set, where the minimum per Container is 20m.",
        ),
        (
            FORBIDDEN + "memory max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            "LimitRange",
            "Memory limit to request ratio is 4, at most 2 per Container.",
        ),
        (
            FORBIDDEN + "[cpu max limit to request ratio per Pod is 2, but no request is specified or request is 0]",
            "LimitRange",
            "Cpu limit to request ratio is unbounded, at most 2 per Pod.",
        ),
        (
            FORBIDDEN + 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" '
            "must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true",
            "PodSecurity",
            "restricted:latest: allowPrivilegeEscalation != false",
        ),
        (
            FORBIDDEN + "unable to validate against any security context constraint: [provider restricted: ...]",
            "PodSecurity",
            "security context constraint",
        ),
        (FORBIDDEN + "PodSecurityPolicy: unable to admit pod: []", "PodSecurity", "unable to admit pod"),
        (
            'Error creating: admission webhook "images.example.org" denied the request: latest is not allowed',
            "WebhookDenied",
            "latest is not allowed",
        ),
        (
            (
                'Error creating: Internal error occurred: failed calling webhook "inject.example.org": failed to call '
                'webhook: Post "https://injector.mesh.svc:443/inject?timeout=10s": dial tcp 10.96.3.4:443: connect: '
                "connection refused"
            ),
            "WebhookUnavailable",
            "connection refused",
        ),
        (
            FORBIDDEN + 'error looking up service account shop/robot: serviceaccount "robot" not found',
            "ServiceAccountNotFound",
            "robot",
        ),
        (FORBIDDEN + "no PriorityClass with name gold was found", "PriorityClassNotFound", "gold"),
        (FORBIDDEN + 'pod rejected: RuntimeClass "gvisor" not found', "RuntimeClassNotFound", "gvisor"),
        (
            FORBIDDEN + "unable to create new content in namespace shop because it is being terminated",
            "NamespaceTerminating",
            "deleted",
        ),
        (
            'Error creating: Pod "web-x" is invalid: spec.containers[0].ports[0].hostPort: Invalid value: 99999',
            "Invalid",
            "Invalid value: 99999",
        ),
        ("Error creating: etcdserver: request timed out", "", "etcdserver: request timed out"),
    ],
)
def test_each_refusal_is_told_apart(message: str, split: str, words: str) -> None:
    refusal = read_refusal(message)
    assert refusal.split == split
    assert words in refusal.cause


def test_objects_behind_a_refusal_are_named() -> None:
    quota = read_refusal(FORBIDDEN + "exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5")
    webhook = read_refusal(
        'failed calling webhook "a.b": Post "https://hook.policy.svc:443/v": no endpoints available for service "hook"'
    )
    account = read_refusal('error looking up service account shop/robot: serviceaccount "robot" not found')
    assert quota.objects == (("ResourceQuota", "", "q"),)
    assert webhook.objects == (("Service", "policy", "hook"),)
    assert account.objects == (("ServiceAccount", "", "robot"),)


def test_a_webhook_that_quotes_a_quota_is_still_a_webhook() -> None:
    text = (
        'admission webhook "q.example.org" denied the request: exceeded quota: q, requested: a=1, used: a=1, limited: 1'
    )
    assert read_refusal(text).split == "WebhookDenied"


def test_stateful_set_and_combined_prefixes_are_left_out() -> None:
    for lead in (
        "(combined from similar events): Error creating: ",
        "create Pod db-0 in StatefulSet db failed error: ",
        "create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: ",
    ):
        assert read_refusal(lead + "some odd text").cause == "some odd text"


def test_amounts_are_read_as_pairs() -> None:
    assert read_amounts("requests.cpu=200m, pods=1") == {"requests.cpu": "200m", "pods": "1"}


def test_a_namespace_that_is_going_is_pointed_at() -> None:
    refusal = read_refusal(FORBIDDEN + "unable to create new content in namespace shop because it is being terminated")
    assert refusal.objects == (("Namespace", "", "shop"),)
