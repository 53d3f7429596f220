"""Tools that change the cluster: what each prepares, what the API server makes of it, and what none of them may."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.cluster import connection
from kubeagentix.domain.events import TextDelta
from kubeagentix.engine.conversation import Conversation
from kubeagentix.errors import ApprovalError
from tests.engine.changing import Lab, Person, Told, ask, lab_of
from tests.tools.lab import Lab as ToolLab

IMAGE = {"spec": {"template": {"spec": {"containers": [{"name": "checkout", "image": "registry.example/checkout:2"}]}}}}
WRITING = [plugin for plugin in registry.tools().values() if plugin.spec.effect == "write"]
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: limits}
data: {most: "5"}
"""


@pytest.fixture
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        yield started


@pytest.fixture
def lab(demo: kx.Demo, tmp_path: Path) -> Iterator[Lab]:
    with lab_of(demo, tmp_path) as made:
        yield made


@pytest.fixture
def person() -> Person:
    return Person()


def call(lab: Lab, person: Person, tool: str, **arguments: Any) -> Told:
    told = lab.run([ask(tool, **arguments)], [TextDelta(text="ok")], approve=person.approver)
    assert told.finished.reason == "stop"
    return told


@pytest.mark.parametrize("plugin", WRITING, ids=lambda plugin: plugin.spec.name)
def test_a_handler_changes_nothing_whoever_calls_it(demo: kx.Demo, plugin: Any) -> None:
    arguments = dict.fromkeys(plugin.spec.parameters["required"], "x")
    with pytest.raises(ApprovalError, match="only where a person can be asked"):
        ToolLab(demo.cluster).call(
            plugin.spec.name, **{**arguments, **({"replicas": 1} if "replicas" in arguments else {})}
        )


def test_a_restart_is_the_annotation_that_kubectl_writes(lab: Lab, person: Person) -> None:
    before = {pod["metadata"]["name"] for pod in lab.server.store.list("Pod", "orders")}
    call(lab, person, "restart_rollout", name="deploy/checkout")
    assert 'kubectl.kubernetes.io/restartedAt: "20' in person.asked[0].diff.replace("'", '"')
    assert {pod["metadata"]["name"] for pod in lab.server.store.list("Pod", "orders")} - before


def test_a_container_is_patched_by_its_name(lab: Lab, person: Person) -> None:
    name = lab.object("Deployment", "checkout")["spec"]["template"]["spec"]["containers"][0]["name"]
    IMAGE["spec"]["template"]["spec"]["containers"][0]["name"] = name
    call(lab, person, "patch_resource", name="deploy/checkout", patch=json.dumps(IMAGE))
    assert person.asked[0].fields == (f"spec.template.spec.containers[{name}].image",)
    assert lab.object("Deployment", "checkout")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("json", [{"op": "add", "path": "/metadata/labels/team", "value": "shop"}]),
        ("merge", {"metadata": {"labels": {"team": "shop"}}}),
    ],
)
def test_a_patch_may_also_be_json_or_merge_and_an_object_stands_for_its_text(
    lab: Lab, person: Person, kind: str, patch: Any
) -> None:
    call(lab, person, "patch_resource", name="deploy/checkout", type=kind, patch=patch)
    assert lab.object("Deployment", "checkout")["metadata"]["labels"]["team"] == "shop"


def test_what_the_api_server_refuses_is_told_in_one_line_and_nobody_is_asked(lab: Lab, person: Person) -> None:
    patch = {"spec": {"selector": {"matchLabels": {"app": "other"}}}}
    told = call(lab, person, "patch_resource", name="deploy/checkout", type="merge", patch=json.dumps(patch))
    assert person.asked == []
    assert told.results[0].content.startswith("cannot patch Deployment orders/checkout: 422 ")
    assert "\n" not in told.results[0].content
    assert lab.decisions == ["rehearsal_failed"]


def test_undo_brings_back_the_template_of_the_revision_before(lab: Lab, person: Person) -> None:
    old = lab.object("Deployment", "checkout")["spec"]["template"]["spec"]["containers"][0]
    IMAGE["spec"]["template"]["spec"]["containers"][0]["name"] = old["name"]
    call(lab, person, "patch_resource", name="deploy/checkout", patch=json.dumps(IMAGE))
    call(lab, person, "undo_rollout", name="deploy/checkout")
    assert f"+        image: {old['image']}" in person.asked[1].diff.replace("- image", "  image")
    assert lab.object("Deployment", "checkout")["spec"]["template"]["spec"]["containers"][0]["image"] == old["image"]


def test_a_manifest_creates_what_is_not_there_and_changes_what_is(lab: Lab, person: Person) -> None:
    call(lab, person, "apply_manifest", manifest=CONFIG)
    assert person.asked[0].summary == "create ConfigMap orders/limits"
    assert not person.asked[0].may_be_always
    call(lab, person, "apply_manifest", manifest=CONFIG.replace("5", "6"))
    assert person.asked[1].summary == "apply ConfigMap orders/limits"
    assert person.asked[1].fields == ("data.most",)
    assert lab.object("ConfigMap", "limits")["data"] == {"most": "6"}


def test_the_objects_of_a_manifest_are_asked_for_one_by_one(lab: Lab) -> None:
    person = Person(("once", "refused", "once"))
    names = ("a", "b", "c")
    text = "\n---\n".join(CONFIG.replace("limits", name) for name in names)
    told = call(lab, person, "apply_manifest", manifest=text)
    assert len(person.asked) == 2
    assert [lab.server.store.get("ConfigMap", "orders", name) is not None for name in names] == [True, False, False]
    assert (
        "of the same call these came before it: Done, as test approved: create ConfigMap orders/a"
        in told.results[0].content
    )


def test_a_node_is_cordoned_and_let_go(lab: Lab, person: Person) -> None:
    node = lab.server.store.list("Node")[0]["metadata"]["name"]
    call(lab, person, "cordon_node", node=node)
    assert lab.object("Node", node, "")["spec"]["unschedulable"] is True
    call(lab, person, "cordon_node", node=node, schedulable=True)
    assert "unschedulable" not in lab.object("Node", node, "")["spec"]


def test_a_deletion_shows_what_would_be_gone(lab: Lab, person: Person) -> None:
    call(lab, person, "apply_manifest", manifest=CONFIG)
    call(lab, person, "delete_resource", name="cm/limits")
    assert '-  most: "5"' in person.asked[1].diff.replace("'", '"')
    assert lab.server.store.get("ConfigMap", "orders", "limits") is None


def test_a_deletion_is_only_tried_until_it_is_approved(lab: Lab) -> None:
    pod = lab.server.store.list("Pod", "orders")[0]["metadata"]["name"]
    told = call(lab, Person(("refused",)), "delete_resource", name=f"pod/{pod}")
    assert lab.server.store.get("Pod", "orders", pod) is not None
    assert lab.decisions == ["asked", "refused"]
    call(lab, Person(), "delete_resource", name=f"pod/{pod}")
    assert lab.server.store.get("Pod", "orders", pod) is None
    assert lab.decisions[-1] == "performed"
    assert told.results[0].is_error


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("patch_resource", {"name": "secret/keys", "patch": '{"metadata":{"labels":{"a":"b"}}}'}),
        (
            "patch_resource",
            {"name": "secret/keys", "type": "json", "patch": [{"op": "test", "path": "/data/k", "value": "eA=="}]},
        ),
        ("delete_resource", {"name": "secret/keys"}),
        ("delete_resource", {"name": "ns/orders"}),
        ("apply_manifest", {"manifest": "{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: {a: b}}"}),
        (
            "apply_manifest",
            {
                "manifest": "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: x}, "
                "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}"
            },
        ),
        ("apply_manifest", {"manifest": "a: &a [x, x]\nb: &b [*a, *a]\nkind: ConfigMap"}),
        ("apply_manifest", {"manifest": "not a manifest"}),
        ("patch_resource", {"name": "deploy/checkout", "patch": "replicas=3"}),
        ("patch_resource", {"name": "deploy/../../secrets/keys", "patch": "{}"}),
        ("patch_resource", {"name": "deploy/checkout", "patch": '{"metadata":{"annotations":{"key":"[MASKED-1]"}}}'}),
    ],
)
def test_what_no_approval_is_asked_for(lab: Lab, person: Person, tool: str, arguments: dict[str, Any]) -> None:
    value = base64.b64encode(b"sentinel-of-a-secret").decode()
    lab.server.store.put(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys", "namespace": "orders"},
            "data": {"k": value},
        }
    )
    told = call(lab, person, tool, **arguments)
    assert told.results[0].is_error
    assert person.asked == []
    assert lab.heard.changing == []
    assert "sentinel" not in repr(told.records)
    assert value not in repr(told.records)


@pytest.mark.parametrize(
    ("command", "field", "wanted"),
    [
        ("kubectl label deploy/checkout team=shop", "metadata.labels.team", "shop"),
        ("kubectl annotate deploy checkout note='a b' -n orders", "metadata.annotations.note", "a b"),
        ("kubectl rollout pause deploy/checkout", "spec.paused", True),
        ("kubectl set env deploy/checkout MODE=slow", "", None),
    ],
)
def test_kubectl_says_what_it_would_do_and_that_is_done(
    lab: Lab, person: Person, command: str, field: str, wanted: Any
) -> None:
    told = call(lab, person, "kubectl_change", command=command)
    assert not told.results[0].is_error, told.results
    assert len(person.asked) == len(lab.heard.changing) == 1
    found: Any = lab.object("Deployment", "checkout")
    for key in field.split(".") if field else ():
        found = found[key]
    if field:
        assert found == wanted
        assert person.asked[0].fields == (field,)
    else:
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert {"name": "MODE", "value": "slow"} in container["env"]


def test_kubectl_may_also_make_something(lab: Lab, person: Person) -> None:
    told = call(lab, person, "kubectl_change", command="kubectl create configmap limits --from-literal=most=5")
    assert not told.results[0].is_error, told.results
    assert person.asked[0].summary == "kubectl create configmap: create ConfigMap orders/limits"
    assert lab.object("ConfigMap", "limits")["data"] == {"most": "5"}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("kubectl get pods", "changes nothing"),
        ("kubectl delete deploy/checkout", "use delete_resource"),
        ("kubectl delete pods --all", "names"),
        ("kubectl exec checkout -- sh", "not offered"),
        ('sh -c "kubectl delete deploy/checkout"', ""),
        ("kubectl label secret/keys a=b", "Secrets are neither shown nor changed"),
        ("kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=me", "not offered"),
        ("kubectl label deploy/checkout a=b --context=other", "the run has its one cluster"),
        ("kubectl apply -f manifest.yaml", ""),
    ],
)
def test_what_the_policy_refuses_never_reaches_kubectl(lab: Lab, person: Person, command: str, why: str) -> None:
    told = call(lab, person, "kubectl_change", command=command)
    assert told.results[0].is_error
    assert why in told.results[0].content
    assert person.asked == []
    assert lab.heard.changing == []
    assert lab.decisions == ["not_allowed"]


def test_a_saved_picture_cannot_be_changed(demo: kx.Demo, tmp_path: Path) -> None:
    with lab_of(demo, tmp_path) as lab:
        lab.cluster = kx.take_snapshot(demo)  # type: ignore[assignment]
        person = Person()
        told = call(lab, person, "scale_workload", name="deploy/checkout", replicas=1)
    assert "needs a live cluster" in told.results[0].content
    assert person.asked == []


def test_a_credential_is_masked_where_it_is_asked_about_and_a_change_of_it_is_seen(lab: Lab, person: Person) -> None:
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "db", "namespace": "orders"}}
    lab.server.store.put({**data, "data": {"DB_PASSWORD": "hunter2-of-old-times"}})
    patch = {"data": {"DB_PASSWORD": "hunter3-of-new-times"}}
    told = call(lab, person, "patch_resource", name="cm/db", patch=json.dumps(patch))
    (request,) = person.asked
    assert "hunter2" not in request.diff + told.results[0].content
    assert "hunter3" not in request.diff
    masks = [line.partition(": ")[2] for line in request.diff.splitlines() if "DB_PASSWORD" in line]
    assert len(set(masks)) == 2
    assert "hunter" not in (lab.home / ".local/state/kubeagentix/audit.jsonl").read_text()


def test_letters_that_only_look_alike_are_seen_as_what_they_are(lab: Lab, person: Person) -> None:
    call(
        lab,
        person,
        "patch_resource",
        name="cm/kube-root-ca.crt",
        patch='{"metadata":{"annotations":{"a":"p\\u0430y"}}}',
    )
    call(lab, person, "apply_manifest", manifest=CONFIG.replace("limits", "x").replace('"5"', '"p\u0430y\u200b"'))
    assert "p\\u0430y\\u200B" in person.asked[-1].diff


def test_the_low_way_needs_an_approval_that_nobody_can_make(demo: kx.Demo) -> None:
    from kubeagentix.domain.changes import ApprovedChange, Change  # noqa: PLC0415

    ref = kx.ResourceRef(kind="ConfigMap", namespace="orders", name="x")
    change = Change(
        ref=ref, verb="delete", path="/api/v1/namespaces/orders/configmaps/x", resource="configmaps", summary="x"
    )
    with pytest.raises(ApprovalError, match="comes from an approval only"):
        ApprovedChange(change, by="me", seal=object())
    assert not hasattr(connection.Cluster, "delete")


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("merge", {"metadata": {"labels": {"a": "b"}, "annotations": {LAST_APPLIED: "{}"}}}),
        ("merge", {"metadata": {"labels": {"a": "b"}, "managedFields": [{}]}}),
        ("strategic", {"metadata": {"labels": {"a": "b"}}, "status": {"readyReplicas": 99}}),
        ("json", [{"op": "replace", "path": "/spec/replicas", "value": 2}, {"op": "remove", "path": "/status"}]),
        ("json", [{"op": "add", "path": "/metadata/managedFields/0", "value": {}}]),
        ("json", [{"op": "replace", "path": "/metadata", "value": {"name": "checkout", "namespace": "orders"}}]),
        (
            "json",
            [
                {"op": "add", "path": "/metadata/annotations/a", "value": "b"},
                {"op": "add", "path": f"/metadata/annotations/{LAST_APPLIED.replace('/', '~1')}", "value": "{}"},
            ],
        ),
    ],
)
def test_what_no_diff_shows_is_not_written_along_with_what_it_shows(
    lab: Lab, person: Person, kind: str, patch: Any
) -> None:
    told = call(lab, person, "patch_resource", name="deploy/checkout", type=kind, patch=json.dumps(patch))
    assert "which no diff shows" in told.results[0].content
    assert person.asked == []
    assert lab.heard.changing == []
    assert lab.decisions == ["rehearsal_failed"]


def test_annotations_are_not_taken_away_as_a_whole_where_one_of_them_is_not_shown(lab: Lab, person: Person) -> None:
    stored = lab.object("Deployment", "checkout")
    stored["metadata"].setdefault("annotations", {})[LAST_APPLIED] = '{"spec":{}}'
    lab.server.store.put(stored)
    told = call(
        lab, person, "patch_resource", name="deploy/checkout", type="merge", patch='{"metadata":{"annotations":null}}'
    )
    assert LAST_APPLIED in told.results[0].content
    assert person.asked == []
    told = call(
        lab,
        person,
        "patch_resource",
        name="deploy/checkout",
        type="merge",
        patch='{"metadata":{"annotations":{"a":"b"}}}',
    )
    assert not told.results[0].is_error


def test_a_manifest_brings_no_annotation_that_is_not_shown(lab: Lab, person: Person) -> None:
    manifest = CONFIG.replace("{name: limits}", f"{{name: limits, annotations: {{{LAST_APPLIED}: '{{}}'}}}}")
    told = call(lab, person, "apply_manifest", manifest=manifest)
    assert LAST_APPLIED in told.results[0].content
    assert person.asked == []


def test_an_object_is_not_deleted_by_way_of_an_owner_that_is_not_there(lab: Lab, person: Person) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "1"}
    patch = json.dumps({"metadata": {"labels": {"a": "b"}, "ownerReferences": [owner]}})
    told = call(lab, person, "patch_resource", name="deploy/checkout", type="merge", patch=patch)
    assert "would change its owner" in told.results[0].content
    assert person.asked == []
    assert lab.heard.changing == []


def test_finalizers_are_asked_about_each_time(lab: Lab, person: Person) -> None:
    patch = '{"metadata":{"finalizers":["example.com/kept"]}}'
    call(lab, person, "patch_resource", name="deploy/checkout", type="merge", patch=patch)
    call(lab, person, "patch_resource", name="deploy/checkout", type="merge", patch='{"metadata":{"finalizers":null}}')
    assert [request.may_be_always for request in person.asked] == [False, False]


def test_always_covers_no_apply_that_takes_over_fields_of_others(lab: Lab) -> None:
    person, conversation = Person(("once", "always", "refused")), Conversation()
    for value, force in (("5", False), ("6", False), ("7", False), ("8", True)):
        turn = ask("apply_manifest", f"c{value}", manifest=CONFIG.replace("5", value), force=force)
        lab.run([turn], [TextDelta(text="ok")], approve=person.approver, conversation=conversation)
    assert [request.summary for request in person.asked] == [
        "create ConfigMap orders/limits",
        "apply ConfigMap orders/limits",
        "apply ConfigMap orders/limits, taking over fields of others",
    ]
    assert lab.object("ConfigMap", "limits")["data"] == {"most": "7"}
