"""What the kit builds looks as a control plane would have left it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.apps import App, Failure
from kubeagentix.demo.kit import Kit, populate
from kubeagentix.demo.statuses import Restarts
from kubeagentix.demo.store import Manifest, Store
from kubeagentix.demo.templates import container, latest_runs


def built(build: Any, namespace: str = "lab") -> Store:
    store = Store()
    populate(store, [ScenarioPlugin(id="x", title="", family="pod", namespace=namespace, build=build)])
    return store


def of(scenario_id: str) -> Store:
    store = Store()
    populate(store, [registry.scenarios()[scenario_id]])
    return store


def events(store: Store, reason: str, namespace: str) -> list[Manifest]:
    return [event for event in store.list("Event", namespace) if event["reason"] == reason]


def test_a_pod_is_as_admission_leaves_it() -> None:
    store = built(lambda kit: kit.deployment("web", container("web", "nginx:1.29", port=8080)))
    (pod,) = store.list("Pod", "lab")
    spec, status = pod["spec"], pod["status"]
    assert spec["serviceAccountName"] == "default"
    assert {item["key"] for item in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    assert spec["volumes"][0]["projected"]["sources"][1]["configMap"]["name"] == "kube-root-ca.crt"
    assert spec["containers"][0]["volumeMounts"][0]["name"] == spec["volumes"][0]["name"]
    assert status["qosClass"] == "Burstable"
    assert [item["type"] for item in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    (replica_set,) = store.list("ReplicaSet", "lab")
    template_hash = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{template_hash}"
    assert pod["metadata"]["labels"]["pod-template-hash"] == template_hash
    assert pod["metadata"]["generateName"] == f"web-{template_hash}-"


def test_every_namespace_has_its_account_and_the_cluster_s_ca() -> None:
    store = built(lambda kit: kit.elsewhere("other"))
    for namespace in ("default", "lab", "other"):
        assert store.get("ServiceAccount", namespace, "default") is not None
        assert store.get("ConfigMap", namespace, "kube-root-ca.crt") is not None


@pytest.mark.parametrize(
    ("age_s", "run_s", "count", "text"),
    [(0, 1, 1, "10s"), (30, 1, 1, "20s"), (75, 1, 3, "1m20s"), (3600, 2, 15, "5m0s"), (7200, 60, 23, "5m0s")],
)
def test_restarts_follow_the_kubelet_s_back_off(age_s: int, run_s: int, count: int, text: str) -> None:
    restarts = Restarts.within(age_s, run_s)
    assert (restarts.count, restarts.text) == (count, text)


def test_a_crash_loop_has_its_log_before_and_now() -> None:
    app = App(failures=(Failure(code=3, log=("{at} starting", "cannot go on")),))
    store = built(lambda kit: kit.deployment("web", container("web", "nginx:1.29"), app=app, age="2h"))
    (pod,) = store.list("Pod", "lab")
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["restartCount"] > 10
    for previous in (False, True):
        lines = store.log("lab", pod["metadata"]["name"], "web", previous)
        assert lines is not None
        assert lines[1][1] == "cannot go on"
        assert lines[0][1] == f"{lines[0][0]:%Y-%m-%dT%H:%M:%SZ} starting"
    (event,) = events(store, "BackOff", "lab")
    assert event["message"].startswith("Back-off restarting failed container web in pod web-")
    assert event["count"] > 100
    assert event["involvedObject"]["fieldPath"] == "spec.containers{web}"


def test_a_liveness_probe_s_kills_are_counted() -> None:
    store = of("liveness-http-500")
    (pod,) = store.list("Pod", "recommendations")
    (status,) = pod["status"]["containerStatuses"]
    assert status["restartCount"] == 146
    assert status["lastState"]["terminated"]["exitCode"] == 137
    (event,) = events(store, "Unhealthy", "recommendations")
    assert event["message"] == "Liveness probe failed: HTTP probe failed with statuscode: 500"
    (killing,) = events(store, "Killing", "recommendations")
    assert killing["message"] == "Container recommender failed liveness probe, will be restarted"


def test_the_scheduler_counts_each_node_under_its_first_refusal() -> None:
    store = of("insufficient-cpu")
    message = events(store, "FailedScheduling", "planning")[0]["message"]
    assert message == (
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "2 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: "
        "1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
    )


def test_a_lost_node_s_pods_wait_to_be_deleted_and_their_replacements_for_a_node() -> None:
    store = of("node-kubelet-stopped")
    node = store.get("Node", "", "worker-4")
    assert node is not None
    assert {item["status"] for item in node["status"]["conditions"]} == {"Unknown"}
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["node.kubernetes.io/unreachable"] * 2
    pods = store.list("Pod", "telemetry")
    assert sum("deletionTimestamp" in pod["metadata"] for pod in pods) == 3
    assert sum(pod["status"]["phase"] == "Pending" for pod in pods) == 3


def test_an_ordinal_that_is_not_ready_holds_up_the_next() -> None:
    store = of("stateful-set-ordinal")
    assert [pod["metadata"]["name"] for pod in store.list("Pod", "messaging")] == ["message-log-0", "message-log-1"]
    claims = store.list("PersistentVolumeClaim", "messaging")
    assert [claim["status"]["phase"] for claim in claims] == ["Bound", "Bound"]


def test_a_job_that_failed_too_often_says_so() -> None:
    store = of("job-back-off-limit")
    job = store.get("Job", "tax", "schema-migration-42")
    assert job is not None
    assert job["status"]["failed"] == 4
    assert {item["type"]: item["reason"] for item in job["status"]["conditions"]}["Failed"] == "BackoffLimitExceeded"
    assert len(store.list("Pod", "tax")) == 4


def test_a_quota_refuses_in_the_api_server_s_words() -> None:
    store = of("quota-exceeded")
    deployment = store.get("Deployment", "crawling", "crawler")
    assert deployment is not None
    failure = {item["type"]: item for item in deployment["status"]["conditions"]}["ReplicaFailure"]
    assert failure["message"].endswith(
        "is forbidden: exceeded quota: compute, requested: requests.cpu=500m, used: requests.cpu=2, "
        "limited: requests.cpu=2"
    )
    quota = store.get("ResourceQuota", "crawling", "compute")
    assert quota is not None
    assert quota["status"]["used"]["requests.cpu"] == "2"


def test_evicted_pods_stay_behind() -> None:
    pods = of("evicted-ephemeral-storage").list("Pod", "video")
    evicted = [pod["status"] for pod in pods if pod["status"].get("reason") == "Evicted"]
    assert len(evicted) == 4
    assert evicted[0]["message"] == "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
    assert [pod["status"]["phase"] for pod in pods].count("Running") == 1


def test_metrics_are_there_for_what_runs() -> None:
    store = of("healthy-web")
    assert len(store.list("PodMetrics", "portal")) == 3
    assert len(store.list("NodeMetrics")) == 3


def test_runs_of_a_schedule_come_out_oldest_first() -> None:
    now = datetime(2026, 1, 15, 12, 7, 30, tzinfo=UTC)
    assert [f"{at:%H:%M}" for at in latest_runs("*/20 * * * *", 3, now)] == ["11:20", "11:40", "12:00"]
    assert [f"{at:%H:%M}" for at in latest_runs("15 * * * *", 2, now)] == ["10:15", "11:15"]


def test_a_certificate_ends_when_it_is_said_to() -> None:
    from cryptography import x509  # noqa: PLC0415  only here

    captured: list[Manifest] = []

    def build(kit: Kit) -> None:
        captured.append(kit.tls_secret("web-tls", "web.example.com", issued="96d", lasts_days=90))

    built(build)
    import base64  # noqa: PLC0415

    certificate = x509.load_pem_x509_certificate(base64.b64decode(captured[0]["data"]["tls.crt"]))
    ago = datetime.now(UTC) - certificate.not_valid_after_utc
    assert ago.days == 6
