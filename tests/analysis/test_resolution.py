"""Why a name is not resolved."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.resolution import Unresolved, dns_of, unresolved
from kubeagentix.domain.pods import Pod
from kubeagentix.testing import snapshot_of

PLACES = [{"kind": "Namespace", "metadata": {"name": name}} for name in ("default", "cache", "kube-system")]
DNS = {
    "kind": "Service",
    "metadata": {"name": "kube-dns", "namespace": "kube-system"},
    "spec": {"selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53, "protocol": "UDP"}]},
}
REDIS: dict[str, Any] = {
    "kind": "Service",
    "metadata": {"name": "redis", "namespace": "cache"},
    "spec": {"clusterIP": "10.0.0.8"},
}


def why(
    host: str,
    *manifests: dict[str, Any],
    line: str = "no such host",
    namespace: str | None = None,
    target: tuple[str, str] | None = None,
    **pod: Any,
) -> Unresolved:
    spec = {"containers": [{"name": "app"}], **pod}
    client = {"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    snapshot = snapshot_of(client, *manifests, *PLACES, namespace=namespace)
    ref = snapshot.named("Service", *target) if target else None
    return unresolved(snapshot, snapshot.all(Pod)[0], host, ref, line)


def pointed(story: Unresolved) -> list[str]:
    return [str(ref) for ref in story.points_at]


def test_a_namespace_that_does_not_exist_is_said_not_to_with_the_nearest() -> None:
    story = why("redis.cahce.svc", REDIS, DNS, target=("cahce", "redis"))
    assert story.words == " There is no namespace cahce. There is namespace cache: was redis.cache meant?"
    assert pointed(story) == ["Namespace cahce"]


def test_a_short_name_with_a_slip_in_its_namespace_is_told_where_that_has_the_service() -> None:
    assert "was redis.cache meant?" in why("redis.cahce", REDIS).words
    assert why("api.cahce", REDIS).words == ""
    assert why("redis.io", REDIS).words == ""


def test_a_service_with_an_address_puts_dns_in_doubt_whatever_stands_behind_it() -> None:
    story = why("redis.cache", REDIS, DNS, target=("cache", "redis"))
    assert (pointed(story), story.is_dns_in_doubt) == (["Service kube-system/kube-dns"], True)


def test_a_headless_service_without_ready_pods_stands_for_no_address() -> None:
    headless = {**REDIS, "spec": {"clusterIP": "None", "selector": {"app": "redis"}}}
    story = why("redis.cache", headless, DNS, target=("cache", "redis"))
    assert (pointed(story), story.is_dns_in_doubt) == (["Service cache/redis"], False)
    ready = {
        "kind": "Pod",
        "metadata": {"name": "r", "namespace": "cache", "labels": {"app": "redis"}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert why("redis.cache", ready, headless, DNS, target=("cache", "redis")).is_dns_in_doubt


@pytest.mark.parametrize(("made", "is_dns_in_doubt"), [("11:40:00", True), ("11:57:50", False), ("11:59:00", False)])
def test_a_service_that_was_made_after_the_failure_was_rightly_not_resolved(made: str, is_dns_in_doubt: bool) -> None:
    young = {**REDIS, "metadata": {**REDIS["metadata"], "creationTimestamp": f"2026-01-15T{made}Z"}}
    client = {
        "kind": "Pod",
        "metadata": {"name": "c"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {
            "containerStatuses": [
                {"name": "app", "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-15T11:58:00Z"}}}
            ]
        },
    }
    snapshot = snapshot_of(client, young, DNS, *PLACES)
    ref = snapshot.named("Service", "cache", "redis")
    story = unresolved(snapshot, snapshot.all(Pod)[0], "redis.cache", ref, "no such host")
    assert (story.is_dns_in_doubt, "was made only after that" in story.words) == (is_dns_in_doubt, not is_dns_in_doubt)


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        ({"dnsPolicy": "None"}, "the pod has dnsPolicy None"),
        ({"dnsPolicy": "Default"}, "the pod has dnsPolicy Default"),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirst"}, "hostNetwork without dnsPolicy ClusterFirstWithHostNet"),
    ],
)
def test_a_pod_that_does_not_ask_the_clusters_dns(pod: dict[str, Any], words: str) -> None:
    story = why("redis.cache", REDIS, DNS, target=("cache", "redis"), **pod)
    assert (words in story.words, pointed(story)) == (True, [])


def test_a_name_server_that_gives_no_answer_is_in_doubt_for_any_name() -> None:
    line = "lookup api.example.org on 10.96.0.10:53: read udp 10.2.0.1:5->10.96.0.10:53: i/o timeout"
    assert pointed(why("api.example.org", DNS, line=line)) == ["Service kube-system/kube-dns"]
    assert pointed(why("api.example.org", DNS)) == []


def test_where_dns_is_kept() -> None:
    def places(*manifests: dict[str, Any], namespace: str | None = None) -> list[str]:
        return [str(ref) for ref in dns_of(snapshot_of(*manifests, namespace=namespace))]

    elsewhere = {**DNS, "metadata": {"name": "dns-default", "namespace": "openshift-dns"}}
    assert places(elsewhere) == ["Service openshift-dns/dns-default"]
    assert places(namespace="default") == ["Service kube-system/kube-dns"]  # not read, so it may be there
    assert places() == ["Service kube-system/kube-dns"]  # and this one is missing


def member(ready: str = "True") -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "redis-0", "namespace": "cache", "labels": {"app": "redis"}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def test_a_pod_behind_a_headless_service_is_resolved_by_its_own_name_while_it_is_ready() -> None:
    headless = {**REDIS, "spec": {"clusterIP": "None", "selector": {"app": "redis"}}}
    other = {**member(), "metadata": {**member()["metadata"], "name": "redis-1"}}

    def asked(name: str, ready: str) -> Unresolved:
        return why(f"{name}.redis.cache", headless, member(ready), other, DNS, target=("cache", "redis"))

    assert "there is no pod redis-7" in asked("redis-7", "True").words
    unready = asked("redis-0", "False")
    assert ("redis-0 behind Service cache/redis is not ready" in unready.words, pointed(unready)) == (
        True,
        ["Pod cache/redis-0"],
    )
    assert asked("redis-0", "True").is_dns_in_doubt
