"""A fault goes away by what would mend it in a real cluster, and by nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.demo.certificates import issue_certificate
from kubeagentix.demo.kit import populate
from kubeagentix.demo.store import Manifest, Store


class Cluster:
    """A populated store, written to as the API server does: put, then announce."""

    def __init__(self, scenario_id: str) -> None:
        scenario = registry.scenarios()[scenario_id]
        self.namespace = scenario.namespace
        self.store = Store()
        populate(self.store, [scenario])

    def get(self, kind: str, name: str) -> Manifest:
        found = self.store.get(kind, self.namespace, name)
        assert found is not None, f"no {kind} {name}"
        return found

    def update(self, kind: str, name: str, change: Callable[[Manifest], object]) -> None:
        old = self.get(kind, name)
        new = self.get(kind, name)
        change(new)
        self.store.announce("update", old, self.store.put(new))

    def create(self, kind: str, name: str, api_version: str = "v1", **fields: Any) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        made = self.store.put({"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})
        self.store.announce("create", None, made)

    def delete(self, kind: str, name: str, *, namespace: str | None = "") -> None:
        place = self.namespace if namespace == "" else namespace
        self.store.announce("delete", self.store.delete(kind, place, name), None)

    def container(self, name: str, change: Callable[[Manifest], object], kind: str = "Deployment") -> None:
        self.update(kind, name, lambda obj: change(obj["spec"]["template"]["spec"]["containers"][0]))

    def scale(self, name: str, replicas: int) -> None:
        self.update("Deployment", name, lambda item: item["spec"].update(replicas=replicas))

    def template(self, name: str, change: Callable[[Manifest], object]) -> None:
        self.update("Deployment", name, lambda obj: change(obj["spec"]["template"]))

    def ready(self, name: str, kind: str = "Deployment") -> tuple[int, int]:
        obj = self.get(kind, name)
        return obj["status"].get("readyReplicas", 0), obj["spec"]["replicas"]

    def is_well(self, name: str, kind: str = "Deployment") -> bool:
        ready, wanted = self.ready(name, kind)
        return ready == wanted

    def pods(self) -> list[Manifest]:
        return self.store.list("Pod", self.namespace)


def set_image(image: str) -> Callable[[Manifest], None]:
    def change(container: Manifest) -> None:
        container["image"] = image

    return change


def add_env(name: str, value: str) -> Callable[[Manifest], None]:
    return lambda container: container["env"].append({"name": name, "value": value})


def new_pair() -> dict[str, str]:
    pair = issue_certificate("token-issuer.identity.svc", datetime.now(UTC), timedelta(days=90))
    return {key: base64.b64encode(pem).decode() for key, pem in zip(("tls.crt", "tls.key"), pair, strict=True)}


MENDS: dict[str, tuple[str, Callable[[Cluster], None]]] = {
    "role-lacks-verb": (
        "settings-sync",
        lambda cluster: cluster.update(
            "Role", "settings-reader", lambda item: item["rules"][0]["verbs"].append("watch")
        ),
    ),
    "certificate-other-key": (
        "token-issuer",
        lambda cluster: cluster.update("Secret", "token-issuer-tls", lambda item: item["data"].update(new_pair())),
    ),
    "role-binding-wrong-account": (
        "farm-scaler",
        lambda cluster: cluster.update(
            "RoleBinding", "scale-workers", lambda item: item["subjects"][0].update(name="farm-scaler")
        ),
    ),
    "crash-missing-variable": (
        "checkout",
        lambda cluster: cluster.container("checkout", add_env("DATABASE_URL", "postgres://db/orders")),
    ),
    "crash-refused-connection": (
        "mailer",
        lambda cluster: cluster.container("mailer", add_env("AMQP_URL", "amqp://broker/mail")),
    ),
    "crash-panic": (
        "limiter",
        lambda cluster: cluster.container("limiter", set_image("registry.example.com/edge/limiter:1.8.4")),
    ),
    "start-command-not-found": (
        "feed-importer",
        lambda cluster: cluster.container(
            "feed-importer", lambda item: item.update(command=["/usr/local/bin/feed-importer"])
        ),
    ),
    "memory-limit-exceeded": (
        "thumbnails",
        lambda cluster: cluster.container("thumbnails", lambda item: item["resources"]["limits"].update(memory="1Gi")),
    ),
    "sidecar-memory": (
        "audit",
        lambda cluster: cluster.template(
            "audit", lambda item: item["spec"]["initContainers"][0]["resources"]["limits"].update(memory="128Mi")
        ),
    ),
    "readiness-wrong-port": (
        "profiles",
        lambda cluster: cluster.container("profiles", lambda item: item["readinessProbe"]["httpGet"].update(port=9090)),
    ),
    "liveness-http-500": (
        "recommender",
        lambda cluster: cluster.container(
            "recommender", lambda item: item["livenessProbe"]["httpGet"].update(path="/")
        ),
    ),
    "init-waits-for-service": (
        "search-api",
        lambda cluster: cluster.create(
            "Service", "index-store", spec={"selector": {"app": "search-index"}, "ports": [{"port": 9200}]}
        ),
    ),
    "evicted-ephemeral-storage": (
        "transcoder",
        lambda cluster: cluster.container(
            "transcoder", lambda item: item["resources"]["limits"].update({"ephemeral-storage": "8Gi"})
        ),
    ),
    "image-tag-not-found": (
        "invoice-renderer",
        lambda cluster: cluster.container(
            "invoice-renderer", set_image("registry.example.com/finance/invoice-renderer:2.13.0")
        ),
    ),
    "config-map-missing": (
        "pricing",
        lambda cluster: cluster.create("ConfigMap", "pricing-settings", data={"CURRENCY": "EUR"}),
    ),
    "secret-key-missing": (
        "ledger",
        lambda cluster: cluster.update("Secret", "ledger-access", lambda item: item["data"].update(password="eA==")),
    ),
    "mount-config-map-missing": (
        "proxy",
        lambda cluster: cluster.create("ConfigMap", "proxy-config", data={"nginx.conf": "events {}"}),
    ),
    "insufficient-cpu": (
        "forecast",
        lambda cluster: cluster.container("forecast", lambda item: item["resources"]["requests"].update(cpu="2")),
    ),
    "untolerated-taint": (
        "olap-engine",
        lambda cluster: cluster.template(
            "olap-engine",
            lambda item: item["spec"].update(
                tolerations=[{"key": "dedicated", "operator": "Equal", "value": "analytics"}]
            ),
        ),
    ),
    "node-selector-unmatched": (
        "vector-index",
        lambda cluster: cluster.template("vector-index", lambda item: item["spec"].pop("nodeSelector")),
    ),
    "claim-class-missing": (
        "recorder",
        lambda cluster: cluster.create(
            "StorageClass",
            "fast-ssd",
            "storage.k8s.io/v1",
            provisioner="csi.example.com",
            volumeBindingMode="Immediate",
        ),
    ),
    "quota-exceeded": (
        "crawler",
        lambda cluster: cluster.update(
            "ResourceQuota", "compute", lambda item: item["spec"]["hard"].update({"requests.cpu": "8"})
        ),
    ),
    "rollout-stuck": (
        "storefront",
        lambda cluster: cluster.container("storefront", set_image("registry.example.com/shop/storefront:6.1.1")),
    ),
    "pod-security-denied": (
        "terminal-gateway",
        lambda cluster: cluster.container(
            "terminal-gateway",
            lambda item: item.update(
                securityContext={
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                }
            ),
        ),
    ),
    "webhook-denied": (
        "surveys",
        lambda cluster: cluster.template("surveys", lambda item: item["metadata"]["labels"].update(team="insights")),
    ),
    "network-policy-blocks": (
        "report-builder",
        lambda cluster: cluster.delete("NetworkPolicy", "warehouse-access"),
    ),
}


@pytest.mark.parametrize("scenario_id", MENDS)
def test_a_mend_makes_the_pods_ready(scenario_id: str) -> None:
    name, mend = MENDS[scenario_id]
    cluster = Cluster(scenario_id)
    is_ready_before = cluster.is_well(name) and scenario_id != "evicted-ephemeral-storage"
    if scenario_id != "rollout-stuck":  # there the old pods are ready all the time
        assert not is_ready_before
    mend(cluster)
    assert cluster.is_well(name)
    conditions = {item["type"]: item for item in cluster.get("Deployment", name)["status"]["conditions"]}
    assert conditions["Available"]["status"] == "True"
    assert conditions["Progressing"]["reason"] == "NewReplicaSetAvailable"
    assert "ReplicaFailure" not in conditions


def test_a_webhook_refuses_only_while_it_is_configured() -> None:
    cluster = Cluster("webhook-denied")
    (configuration,) = cluster.store.list("ValidatingWebhookConfiguration")
    cluster.delete("ValidatingWebhookConfiguration", configuration["metadata"]["name"], namespace=None)
    assert cluster.is_well("surveys")


def test_a_webhook_refuses_only_in_namespaces_that_it_selects() -> None:
    cluster = Cluster("webhook-denied")
    (old,), (new,) = (cluster.store.list("ValidatingWebhookConfiguration") for _ in range(2))
    new["webhooks"][0]["namespaceSelector"] = {"matchLabels": {"audited": "yes"}}
    cluster.store.announce("update", old, cluster.store.put(new))
    assert cluster.is_well("surveys")


def test_pods_of_a_deleted_node_are_collected_and_replaced() -> None:
    cluster = Cluster("node-kubelet-stopped")
    lost = {pod["metadata"]["name"] for pod in cluster.pods() if "deletionTimestamp" in pod["metadata"]}
    assert lost
    cluster.delete("Node", "worker-4", namespace=None)
    left = {pod["metadata"]["name"]: pod["spec"].get("nodeName") for pod in cluster.pods()}
    assert not lost & set(left)
    assert "worker-4" not in left.values()


def test_a_change_that_mends_nothing_leaves_the_pods_broken() -> None:
    cluster = Cluster("crash-missing-variable")
    before = {pod["metadata"]["name"] for pod in cluster.pods()}
    cluster.container("checkout", add_env("DATABASE_HOST", "db"))
    assert cluster.ready("checkout") == (0, 3)
    after = {pod["metadata"]["name"] for pod in cluster.pods()}
    assert after - before, "a rollout began"
    restarts = [pod["status"]["containerStatuses"][0]["restartCount"] for pod in cluster.pods()]
    assert min(restarts) <= 1 < max(restarts)


def test_a_deleted_pod_is_replaced_and_fails_again() -> None:
    cluster = Cluster("crash-panic")
    gone = cluster.pods()[0]["metadata"]["name"]
    cluster.delete("Pod", gone)
    names = [pod["metadata"]["name"] for pod in cluster.pods()]
    assert len(names) == 2
    assert gone not in names
    assert cluster.ready("limiter") == (0, 2)


def test_scaling_makes_and_removes_pods_and_endpoints() -> None:
    cluster = Cluster("healthy-web")
    for replicas in (5, 2, 0):
        cluster.scale("portal", replicas)
        assert len(cluster.pods()) == replicas
        (piece,) = cluster.store.list("EndpointSlice", cluster.namespace)
        assert len(piece["endpoints"]) == replicas
        assert cluster.get("Deployment", "portal")["status"].get("readyReplicas", 0) == replicas


def test_a_rollout_of_a_good_image_replaces_every_pod_and_keeps_the_old_replica_set_at_zero() -> None:
    cluster = Cluster("healthy-web")
    cluster.container("portal", set_image("registry.example.com/web/portal:3.4.0"))
    images = {pod["spec"]["containers"][0]["image"] for pod in cluster.pods()}
    assert images == {"registry.example.com/web/portal:3.4.0"}
    sizes = sorted(item["spec"]["replicas"] for item in cluster.store.list("ReplicaSet", cluster.namespace))
    assert sizes == [0, 0, 3]


def test_rolling_back_makes_the_old_replica_set_the_current_one() -> None:
    cluster = Cluster("rollout-stuck")
    before = len(cluster.store.list("ReplicaSet", cluster.namespace))
    cluster.container("storefront", set_image("registry.example.com/shop/storefront:6.0.3"))
    assert len(cluster.store.list("ReplicaSet", cluster.namespace)) == before
    assert cluster.ready("storefront") == (3, 3)
    assert (
        cluster.get("Deployment", "storefront")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    )


def test_a_stuck_rollout_keeps_the_old_pods_serving() -> None:
    cluster = Cluster("rollout-stuck")
    status = cluster.get("Deployment", "storefront")["status"]
    assert (status["replicas"], status["readyReplicas"], status["updatedReplicas"]) == (4, 3, 1)


def test_a_mended_selector_gives_the_service_its_endpoints() -> None:
    cluster = Cluster("service-selector-mismatch")
    (piece,) = cluster.store.list("EndpointSlice", cluster.namespace)
    assert piece["endpoints"] == []
    cluster.update("Service", "loyalty-api", lambda item: item["spec"]["selector"].update(version="v2"))
    (piece,) = cluster.store.list("EndpointSlice", cluster.namespace)
    assert [endpoint["conditions"]["ready"] for endpoint in piece["endpoints"]] == [True, True]


def test_a_mended_target_port_gives_the_endpoints_a_port() -> None:
    cluster = Cluster("service-port-unresolved")
    (piece,) = cluster.store.list("EndpointSlice", cluster.namespace)
    assert piece["ports"] is None
    cluster.update("Service", "ticket-desk", lambda item: item["spec"]["ports"][0].update(targetPort="http"))
    (piece,) = cluster.store.list("EndpointSlice", cluster.namespace)
    assert [port["port"] for port in piece["ports"]] == [3000]


def test_an_autoscaler_works_once_its_target_requests_cpu() -> None:
    cluster = Cluster("autoscaler-no-requests")
    cluster.container("resizer", lambda item: item["resources"]["requests"].update(cpu="100m"))
    conditions = {
        item["type"]: item["status"]
        for item in cluster.get("HorizontalPodAutoscaler", "resizer")["status"]["conditions"]
    }
    assert conditions == {"AbleToScale": "True", "ScalingActive": "True", "ScalingLimited": "False"}


def test_one_secret_mends_all_that_need_it() -> None:
    cluster = Cluster("shared-secret-missing")
    cluster.create("Secret", "acquirer-credentials", data={"user": "eA==", "key": "eA=="})
    assert cluster.is_well("payments-api")
    assert cluster.is_well("refunds")
    assert cluster.is_well("settlement", "StatefulSet")


def test_uncordoning_lets_pods_run() -> None:
    cluster = Cluster("healthy-web")
    for name in ("worker-1", "worker-2"):
        cluster.update("Node", name, lambda item: item["spec"].update(unschedulable=True))
    cluster.scale("portal", 4)
    assert cluster.ready("portal") == (3, 4)
    messages = [event["message"] for event in cluster.store.list("Event") if event["reason"] == "FailedScheduling"]
    assert "2 node(s) were unschedulable" in messages[0]
    cluster.update("Node", "worker-2", lambda item: item["spec"].pop("unschedulable"))
    assert cluster.ready("portal") == (4, 4)


def test_a_database_that_answers_again_lets_its_clients_run() -> None:
    cluster = Cluster("database-disk-full")
    assert cluster.ready("statements") == (0, 2)
    # Another program in the database's place: what counts for the clients is that something ready answers.
    pod = {"containers": [{"name": "postgres", "image": "docker.io/library/postgres:17.6"}]}
    metadata = {"name": "standby", "namespace": "records", "labels": {"app": "ledger-db"}}
    made = cluster.store.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    cluster.store.announce("create", None, made)
    assert [cluster.is_well(name) for name in ("statements", "transfers", "balances")] == [True, True, True]


def test_what_a_user_creates_runs() -> None:
    cluster = Cluster("healthy-web")
    template: dict[str, Any] = {
        "metadata": {"labels": {"app": "hello"}},
        "spec": {"containers": [{"name": "hello", "image": "docker.io/library/nginx"}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "hello"}}, "template": template}
    cluster.create("Deployment", "hello", "apps/v1", spec=spec)
    assert cluster.ready("hello") == (2, 2)
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": template["spec"]["containers"]}}}
    cluster.create("Job", "once", "batch/v1", spec=job)
    assert cluster.get("Job", "once")["status"]["succeeded"] == 1


def test_a_write_that_changes_nothing_settles_without_another() -> None:
    cluster = Cluster("crash-missing-variable")
    before = cluster.store.revision
    cluster.update("Deployment", "checkout", lambda _: None)
    assert cluster.store.revision == before
