"""The official Python client against the server: its models are strict, so what decodes there is well-formed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest
from kubernetes.client.exceptions import ApiException

from .conftest import Cluster

# Untyped on purpose: every field of the models is optional to a type checker, and these are all there.
client: Any = kubernetes.client
config: Any = kubernetes.config
watch: Any = kubernetes.watch


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Any]:
    api_client = config.new_client_from_config(str(cluster.kubeconfig()))
    yield api_client
    api_client.close()


def test_typed_models_decode(cluster: Cluster, api: Any) -> None:
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    assert [pod.metadata.name for pod in core.list_pod_for_all_namespaces().items] == ["web-2-bad", "web-2-good"]
    assert apps.read_namespaced_deployment("web", "shop").status.ready_replicas == 1
    assert core.list_node().items[0].status.node_info.kubelet_version == "v1.34.1"
    assert core.list_namespaced_event("shop").items[0].count == 12
    assert core.read_namespaced_config_map("settings", "shop").data == {"mode": "prod"}
    slices = client.DiscoveryV1Api(api).list_namespaced_endpoint_slice("shop").items
    assert slices[0].endpoints[0].addresses == ["10.1.0.5"]
    assert client.EventsV1Api(api).list_namespaced_event("shop").items[0].regarding.name == "web-2-bad"
    assert client.VersionApi(api).get_code().major == "1"


def test_lists_come_in_pages(cluster: Cluster, api: Any) -> None:
    core = client.CoreV1Api(api)
    for index in range(4):
        manifest = {"metadata": {"name": f"cm-{index}"}}
        core.create_namespaced_config_map("shop", manifest)
    first = core.list_namespaced_config_map("shop", limit=2)
    second = core.list_namespaced_config_map("shop", limit=3, _continue=first.metadata._continue)
    assert first.metadata.remaining_item_count == 3
    assert [item.metadata.name for item in first.items + second.items] == [
        *(f"cm-{index}" for index in range(4)),
        "settings",
    ]
    assert not second.metadata._continue
    assert first.metadata.resource_version == second.metadata.resource_version


def test_watch_sees_changes(cluster: Cluster, api: Any) -> None:
    core = client.CoreV1Api(api)
    start = core.list_namespaced_pod("shop").metadata.resource_version
    later = threading.Timer(0.2, lambda: core.delete_namespaced_pod("web-2-good", "shop"))
    later.start()
    events = watch.Watch().stream(core.list_namespaced_pod, "shop", resource_version=start, timeout_seconds=2)
    seen = [(event["type"], event["object"].metadata.name) for event in events]
    later.join()
    assert seen == [("DELETED", "web-2-good")]


def test_patch_and_scale(cluster: Cluster, api: Any) -> None:
    apps = client.AppsV1Api(api)
    patched = apps.patch_namespaced_deployment("web", "shop", {"metadata": {"labels": {"tier": "front"}}})
    assert patched.metadata.labels == {"app": "web", "tier": "front"}
    apps.patch_namespaced_deployment_scale("web", "shop", {"spec": {"replicas": 3}})
    assert apps.read_namespaced_deployment_scale("web", "shop").spec.replicas == 3


def test_logs_are_text(cluster: Cluster, api: Any) -> None:
    core = client.CoreV1Api(api)
    log = core.read_namespaced_pod_log("web-2-good", "shop", container="app", tail_lines=1)
    assert log == "line 4\n"
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("web-2-good", "shop")
    assert caught.value.status == 400
    assert "a container name must be specified for pod web-2-good, choose one of: [app proxy]" in str(caught.value.body)


def test_metrics_are_custom_objects(cluster: Cluster, api: Any) -> None:
    custom = client.CustomObjectsApi(api)
    pods = custom.list_namespaced_custom_object("metrics.k8s.io", "v1beta1", "shop", "pods")
    assert pods["items"][0]["containers"][0]["usage"]["cpu"] == "250m"
    nodes = custom.list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
    assert nodes["items"][0]["metadata"]["name"] == "node-a"


def test_access_reviews_in_json(cluster: Cluster, api: Any) -> None:
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(verb="list", resource="pods", namespace="shop")
        )
    )
    assert client.AuthorizationV1Api(api).create_self_subject_access_review(review).status.allowed is True


def test_errors_carry_the_servers_status(cluster: Cluster, api: Any) -> None:
    core = client.CoreV1Api(api)
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_pod("nope", "shop")
    assert (missing.value.status, missing.value.reason) == (404, "Not Found")
    with pytest.raises(ApiException) as taken:
        core.create_namespaced_config_map("shop", {"metadata": {"name": "settings"}})
    assert taken.value.status == 409
