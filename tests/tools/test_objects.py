"""The tools that list and show objects, on the demo cluster and on a saved picture of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kubeagentix as kx
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.testing import snapshot_of
from tests.tools.lab import Lab

SCENARIOS = ("network-policy-blocks", "crash-missing-variable", "secret-key-missing", "issuer-key-pair-missing")


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo(*SCENARIOS) as started:
        yield started


def test_namespaces_tell_how_many_pods_are_not_ready(lab: Lab) -> None:
    output = lab.call("list_namespaces")
    rows = {row["name"]: (row["pods"], row["unready"]) for row in output.data}
    assert rows["orders"] == (3, 3)
    assert rows["kube-system"][1] == 0
    assert "others: billing" not in output.short
    assert "kube-system" in output.short.splitlines()[-1]


@pytest.mark.parametrize("kind", ["po", "pods", "Pod", "pod"])
def test_a_list_is_a_table_and_trouble_can_be_cited(lab: Lab, kind: str) -> None:
    output = lab.call("list_resources", kind=kind, namespace="orders")
    lines = output.text.splitlines()
    assert lines[0].split()[:4] == ["NAME", "READY", "STATUS", "RESTARTS"]
    assert len(output.evidence) == 3
    assert all("status CrashLoopBackOff, ready 0/1, restarts" in item.summary for item in output.evidence)
    assert "3 Pods: 3 CrashLoopBackOff" in output.short


def test_all_namespaces_selectors_and_groups(lab: Lab) -> None:
    found = lab.call("list_resources", kind="Deployments.apps", namespace="all", label_selector="app=checkout")
    assert [row["name"] for row in found.data] == ["checkout"]
    assert found.data[0]["namespace"] == "orders"
    assert lab.text("list_resources", kind="jobs", namespace="orders") == "there are no jobs in namespace orders"


def test_fields_select_on_a_live_cluster_only(lab: Lab, picture: kx.Snapshot) -> None:
    selector = "metadata.name=warehouse-0"
    if lab.source is picture:
        with pytest.raises(UsageError, match="field_selector needs a live cluster"):
            lab.call("list_resources", kind="pod", namespace="all", field_selector=selector)
    else:
        found = lab.call("list_resources", kind="pod", namespace="all", field_selector=selector)
        assert [row["name"] for row in found.data] == ["warehouse-0"]


def test_kinds_that_a_cluster_defines_are_found(lab: Lab) -> None:
    assert "partners-ca" in lab.text("list_resources", kind="issuers", namespace="trading")
    assert "partners-ca" in lab.text("describe_resource", name="issuers.cert-manager.io/partners-ca")


def test_a_kind_that_only_discovery_knows(live: Lab) -> None:
    assert "NAME" in live.text("list_resources", kind="ep", namespace="orders")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("list_resources", {"kind": "pdo"}, "the cluster has no kind 'pdo'; did you mean po"),
        ("list_resources", {"kind": "jobs", "namespace": "oders"}, "namespace 'oders'; did you mean orders"),
        ("get_resource", {"name": "deploy/chekout", "namespace": "orders"}, "'chekout' in .*did you mean checkout"),
        ("get_resource", {"name": "a/../b"}, "'a/../b'|'../b' is no name|no kind 'a'"),
        ("get_resource", {"kind": "pod", "name": "a?b"}, "'a\\?b' is no name of an object"),
        ("describe_resource", {"name": "nowhere"}, "no workload or Service 'nowhere'"),
        ("get_events", {"namespace": "nowhere"}, "namespace 'nowhere'"),
        ("get_resource", {"kind": "sa", "name": "default"}, "ServiceAccount default exists in several namespaces"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest(
    lab: Lab, name: str, arguments: dict[str, str], message: str
) -> None:
    with pytest.raises(kx.KubeAgentiXError, match=message):
        lab.call(name, **arguments)


def test_an_object_is_shown_without_bookkeeping(live: Lab) -> None:
    output = live.call("get_resource", kind="deploy", name="checkout", namespace="orders")
    assert "image: registry.example.com/orders/checkout:2.8.1" in output.text
    assert "managedFields" not in output.text
    assert "uid:" not in output.text
    assert "terminationMessagePath" in output.text
    assert "terminationMessagePath" not in output.short
    assert "Progressing=False ProgressDeadlineExceeded" in " ".join(item.summary for item in output.evidence)


def test_a_secret_is_shown_by_the_sizes_of_its_values(lab: Lab) -> None:
    listed = lab.call("list_resources", kind="secret", namespace="billing").data
    assert listed
    shown = lab.text("get_resource", kind="secret", name=listed[0]["name"], namespace="billing")
    assert "kind: Secret" in shown
    assert " bytes" in shown or "keys:" in shown


def test_a_workload_is_described_with_its_pods_and_relations(lab: Lab) -> None:
    output = lab.call("describe_resource", name="checkout", namespace="orders")
    assert output.text.startswith("Deployment orders/checkout, made ")
    assert "- Available=False MinimumReplicasUnavailable" in output.text
    assert "selected by: Service checkout" in output.text
    assert output.text.count(": CrashLoopBackOff, ready 0/1") == 3
    assert "Warning BackOff" in output.text
    assert "image:" not in output.short
    assert {item.source for item in output.evidence} == {"status", "event"}


def test_equal_events_of_replicas_are_one_line(lab: Lab) -> None:
    text = lab.text("describe_resource", name="checkout", namespace="orders")
    assert text.count("Warning BackOff") == 1
    assert "and 2 more: Back-off restarting failed container checkout in pod checkout-" in text


def test_a_pod_is_described_with_its_containers(lab: Lab) -> None:
    pod = lab.call("list_resources", kind="pod", namespace="orders").data[0]["name"]
    text = lab.text("describe_resource", name=f"pod/{pod}", namespace="orders")
    assert "container checkout: waiting CrashLoopBackOff" in text
    assert "container checkout before: ended Error exit code 1" in text
    assert "- part of: Deployment checkout" in text


def test_relations_go_both_ways(lab: Lab) -> None:
    text = lab.text("describe_resource", name="issuer/partners-ca", namespace="trading")
    assert text.startswith("Issuer trading/partners-ca")
    policy = lab.text("describe_resource", name="statefulset/warehouse", namespace="reporting")
    assert "restricted by: NetworkPolicy warehouse-access" in policy
    assert "called through its Services by: Deployment report-builder" in policy
    service = lab.text("describe_resource", name="svc/warehouse", namespace="reporting")
    assert "called by: Deployment report-builder" in service
    assert "selects: StatefulSet warehouse" in service


def test_a_node_is_described_with_its_pods(lab: Lab) -> None:
    text = lab.text("describe_resource", kind="node", name="worker-1")
    assert "Ready=True" in text
    assert "- orders/checkout-" in text


def test_events_of_a_namespace_and_of_an_object(lab: Lab) -> None:
    everywhere = lab.call("get_events", namespace="all", type="Warning")
    assert {item.ref.namespace for item in everywhere.evidence} >= {"orders", "reporting"}
    assert "Normal" not in everywhere.text
    pod = lab.call("list_resources", kind="pod", namespace="orders").data[0]["name"]
    own = lab.call("get_events", name=f"pod/{pod}", namespace="orders")
    assert {item.ref.name for item in own.evidence} == {pod}
    few = lab.text("get_events", namespace="orders", limit=1)
    assert "older lines left out)" in few
    assert "no events" in lab.text("get_events", namespace="default")


def test_what_is_unhealthy_is_listed_workloads_first(lab: Lab) -> None:
    output = lab.call("list_unhealthy")
    kinds = [item.ref.kind for item in output.evidence]
    assert kinds.index("Deployment") < kinds.index("Pod")
    assert "Service orders/checkout: no ready endpoint" in output.text
    assert "kube-system" not in output.text
    assert "Pod " not in output.short
    assert "nothing is unhealthy in namespace kube-system" in lab.text("list_unhealthy", namespace="kube-system")


def test_use_is_shown_beside_requests_and_limits(lab: Lab) -> None:
    pods = lab.call("top_pods", namespace="kube-system", sort_by="cpu").data
    assert pods
    assert pods[0]["cpu"].endswith("m")
    assert "NAMESPACE" not in lab.text("top_pods", namespace="kube-system")
    nodes = lab.call("top_nodes").data
    assert {row["node"] for row in nodes} >= {"worker-1", "cp-1"}
    assert all(row["cpu requested"].endswith("%") for row in nodes)


def test_no_metrics_is_an_error_that_says_so() -> None:
    with pytest.raises(NotFoundError, match=r"no PodMetrics .*metrics-server seems not to be installed"):
        Lab(snapshot_of("{kind: Pod, metadata: {name: a}}")).call("top_pods")


def test_a_later_part_of_a_long_answer_is_found() -> None:
    lab = Lab(snapshot_of())
    lab.results.texts["r1"] = "\n".join(f"line {number}" for number in range(1, 101))
    assert (
        lab.text("search_result", result_id="r1", from_line=99)
        == "99: line 99\n100: line 100\n(lines 99 to 100 of 100)"
    )
    assert lab.text("search_result", result_id="r1", pattern="LINE 50", context=1).splitlines() == [
        "49- line 49",
        "50: line 50",
        "51- line 51",
        "(1 line of 100 match)",
    ]
    with pytest.raises(NotFoundError, match="no result is called 'r2'"):
        lab.call("search_result", result_id="r2")
    with pytest.raises(UsageError, match="is too complex"):
        lab.call("search_result", result_id="r1", pattern="(a+)+$")


def test_what_is_needed_and_missing_is_marked() -> None:
    lab = Lab(snapshot_of("{kind: Pod, metadata: {name: a}, spec: {volumes: [{name: v, configMap: {name: gone}}]}}"))
    assert "mounts: ConfigMap gone (missing)" in lab.text("describe_resource", name="pod/a")


def test_what_may_not_be_read_is_told() -> None:
    gaps = [Gap(what="namespaces", why="403 Forbidden", kind="Namespace"), Gap(what="jobs", why="403", kind="Job")]
    output = Lab(snapshot_of("{kind: Pod, metadata: {name: a, namespace: shop}}", gaps=gaps)).call("list_namespaces")
    assert "shop" in output.text
    assert output.text.endswith("\nnot read: namespaces: 403 Forbidden")
    assert output.short.endswith("\nnot read: namespaces: 403 Forbidden")
