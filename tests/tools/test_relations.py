"""The tools about how objects hang together: paths, dependencies, rights, revisions, and Quick Dx itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kubeagentix as kx
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.testing import snapshot_of
from kubeagentix.toolkit.differences import differences
from tests.tools.lab import Lab

SCENARIOS = (
    *("network-policy-blocks", "egress-policy-without-dns", "service-port-unresolved", "role-lacks-verb"),
    *("rollout-stuck", "shared-secret-missing", "healthy-stateful"),
)


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo(*SCENARIOS) as started:
        yield started


def test_the_policy_that_stops_a_connection_is_named(lab: Lab) -> None:
    output = lab.call("network_path", target="svc/warehouse", source="deploy/report-builder", namespace="reporting")
    assert "- Service port 5432/TCP: 1 of 1 pod ready behind it" in output.text
    assert "egress to warehouse-0 on 5432/TCP: allowed (no NetworkPolicy isolates the pod)" in output.text
    assert (
        "DENIED by NetworkPolicy reporting/warehouse-access: warehouse-access allows pods with role=etl" in output.text
    )
    assert [item.ref.name for item in output.evidence] == ["warehouse-access"]


def test_without_a_source_every_workload_is_tried(lab: Lab) -> None:
    text = lab.text("network_path", target="warehouse", namespace="reporting")
    assert "Deployment reporting/report-builder on 5432/TCP: DENIED by NetworkPolicy" in text
    free = lab.text("network_path", target="svc/storefront", namespace="shop")
    assert "in general: allowed (no NetworkPolicy isolates the pod)" in free


def test_dns_is_a_part_of_the_way(lab: Lab) -> None:
    source = lab.call("list_resources", kind="deploy", namespace="printing").data[0]["name"]
    text = lab.text("network_path", target="example.com", source=f"deploy/{source}", namespace="printing")
    assert "- DNS: asking the cluster's DNS on 53/UDP: DENIED by NetworkPolicy printing/printer-egress" in text


def test_names_and_addresses_of_the_target(lab: Lab) -> None:
    arguments = {"source": "deploy/report-builder", "source_namespace": "reporting"}
    by_name = lab.text(
        "network_path", target="http://warehouse.reporting.svc:5432/", namespace="reporting", **arguments
    )
    assert "to Service reporting/warehouse:" in by_name
    outside = lab.text("network_path", target="10.1.2.3", port="443", namespace="reporting", **arguments)
    assert "egress to 10.1.2.3: allowed" in outside
    assert "DNS" not in outside
    wrong = lab.text("network_path", target="svc/warehouse", port="99", namespace="reporting", **arguments)
    assert "Service reporting/warehouse has no port 99; its ports: 5432" in wrong


def test_a_port_name_that_nobody_has(lab: Lab) -> None:
    text = lab.text(
        "network_path",
        target="svc/ticket-desk",
        source="deploy/storefront",
        namespace="support",
        source_namespace="shop",
    )
    assert "is a name that no container of ticket-desk" in text


def test_ends_that_are_not_there(lab: Lab) -> None:
    with pytest.raises(NotFoundError, match="'warehoose' in namespace reporting; did you mean warehouse"):
        lab.call("network_path", target="warehoose", namespace="reporting")
    with pytest.raises(UsageError, match="'cm/x' is no end of a path"):
        lab.call("network_path", target="cm/x", namespace="reporting")


def test_dependencies_both_ways_with_what_is_not_well(lab: Lab) -> None:
    text = lab.text("service_dependencies", name="svc/warehouse", namespace="reporting")
    needs, _, needed = text.partition("is needed by:")
    assert "selects StatefulSet reporting/warehouse" in needs
    assert "restricted by NetworkPolicy reporting/warehouse-access" in needs
    assert "calls, by Deployment reporting/report-builder (0 of 1 pods ready)" in needed


def test_what_is_missing_is_marked_and_shared_by_all_who_need_it(lab: Lab) -> None:
    rows = [row["name"] for row in lab.call("list_resources", kind="deploy", namespace="payments").data]
    for name in rows:
        text = lab.text("service_dependencies", kind="deploy", name=name, namespace="payments")
        assert "Secret payments/acquirer-credentials (missing)" in text


def test_depth_and_the_short_form(lab: Lab) -> None:
    deep = lab.call("service_dependencies", name="deploy/report-builder", namespace="reporting")
    flat = lab.text("service_dependencies", name="deploy/report-builder", namespace="reporting", depth=1)
    assert "StatefulSet" in deep.text
    assert "StatefulSet" not in flat
    assert "StatefulSet" not in deep.short


def test_ones_own_rights_are_asked_of_the_server(live: Lab, picture: kx.Snapshot) -> None:
    assert live.text("can_i", verb="delete", resource="pods") == "yes: you may delete pods in the whole cluster"
    assert live.text("can_i", verb="get", resource="/metrics").startswith("yes: you may get /metrics")
    assert live.call("can_i", verb="get", resource="pods/log", namespace="shop").data["allowed"] is True
    with pytest.raises(UsageError, match="needs a live cluster"):
        Lab(picture).call("can_i", verb="get", resource="pods")


def test_rights_of_a_service_account_and_what_is_missing(lab: Lab) -> None:
    account = {"service_account": "settings-sync", "namespace": "tenants", "resource": "cm"}
    may = lab.call("can_i", verb="get", **account)
    assert may.text.startswith("yes: ServiceAccount tenants/settings-sync may get configmaps in namespace tenants")
    assert 'gives Role tenants/settings-reader: apiGroups: [""], resources: ["configmaps"]' in may.text
    may_not = lab.call("can_i", verb="watch", **account)
    assert may_not.data == {"allowed": False, "reason": "MissingVerb"}
    assert "Role tenants/settings-reader gives get, list on configmaps; watch is missing" in may_not.text
    assert "write: Add the rule to Role tenants/settings-reader: kubectl patch role settings-reader" in may_not.text
    full = {**account, "service_account": "system:serviceaccount:tenants:settings-sync"}
    assert lab.text("can_i", verb="get", **full) == may.text
    with pytest.raises(NotFoundError, match="no ServiceAccount 'setings-sync' in namespace tenants; did you mean"):
        lab.call("can_i", verb="get", **{**account, "service_account": "setings-sync"})


def test_revisions_and_what_each_changed(lab: Lab) -> None:
    output = lab.call("rollout_history", name="storefront", namespace="shop")
    lines = output.text.splitlines()
    assert lines[1].startswith("revision 2 (storefront-")
    assert "spec.containers[storefront].image: registry.example.com/shop/storefront:6.0.3 →" in lines[2]
    assert lines[3].startswith("revision 1 (storefront-")
    assert output.data[0]["revision"] == 2
    with pytest.raises(UsageError, match="Service shop/storefront has no revisions; name a Deployment"):
        lab.call("rollout_history", name="svc/storefront", namespace="shop")


def test_differences_go_by_name() -> None:
    old = {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}], "args": ["x"]}
    new = {"containers": [{"name": "b"}, {"name": "a", "env": [{"name": "X", "value": "2"}]}], "args": ["x", "y"]}
    assert list(differences(old, new)) == [("containers[a].env[X].value", "1", "2"), ("args[1]", None, "y")]
    assert list(differences(old, old)) == []


def test_quick_dx_tells_causes_with_evidence_and_commands(lab: Lab) -> None:
    output = lab.call("run_quickdx", namespace="reporting")
    assert output.text.startswith(
        "namespace reporting: 1 root cause\n1. NetworkPolicy reporting/warehouse-access keeps"
    )
    assert "leads to: " in output.text
    assert "read: Look at NetworkPolicy reporting/warehouse-access: kubectl describe" in output.text
    assert output.data["hypotheses"][0]["root"]["name"] == "warehouse-access"
    assert len(output.short) < len(output.text) / 3
    one = lab.text("run_quickdx", target="deploy/report-builder", namespace="reporting")
    assert "warehouse-access" in one
    well = lab.text("run_quickdx", namespace="sessions")
    assert "nothing is wrong as far as could be seen" in well


def test_a_container_revision_of_a_stateful_set_is_compared() -> None:
    with pytest.raises(UsageError, match="the revisions of StatefulSet default/db needs a live cluster"):
        Lab(snapshot_of("{kind: StatefulSet, metadata: {name: db}}")).call("rollout_history", name="sts/db")


def test_what_could_not_be_read_is_unknown_not_allowed() -> None:
    gaps = [Gap(what="networkpolicies", why="403 Forbidden", kind="NetworkPolicy")]
    pod = "{{kind: Pod, metadata: {{name: {0}, labels: {{app: {0}}}}}, status: {{phase: Running}}}}"
    service = "{kind: Service, metadata: {name: b}, spec: {selector: {app: b}, ports: [{port: 80}]}}"
    lab = Lab(snapshot_of(pod.format("a"), pod.format("b"), service, gaps=gaps))
    text = lab.text("network_path", target="svc/b", source="pod/a")
    assert "allowed" not in text
    assert text.count("unknown (the NetworkPolicies of namespace default could not be read)") == 3
    assert "unknown (the NetworkPolicies" in lab.text("network_path", target="svc/b")
    for name in ("service_dependencies", "describe_resource"):
        assert "(could not be read, so nothing is known of them: NetworkPolicy)" in lab.text(name, name="svc/b")
