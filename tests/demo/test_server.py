"""The server's answers on the wire: statuses, tables, watches, access, faults."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from typing import Any

import pytest
import yaml

from kubeagentix.demo import watch as watching
from kubeagentix.demo.server import DemoServer
from kubeagentix.demo.store import Manifest, Store

from .conftest import Cluster

PODS = "/api/v1/namespaces/shop/pods"
CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def _manifest(name: str, **fields: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **fields}


# The expected messages are what kube-apiserver answers to the same requests.
REFUSALS = [
    ("GET", f"{PODS}/nope", None, 404, "NotFound", 'pods "nope" not found'),
    (
        "GET",
        "/apis/apps/v1/namespaces/shop/deployments/nope",
        None,
        404,
        "NotFound",
        'deployments.apps "nope" not found',
    ),
    ("GET", "/api/v1/gizmos", None, 404, "NotFound", "the server could not find the requested resource"),
    ("GET", f"{PODS}/web-2-bad/gizmo", None, 404, "NotFound", "the server could not find the requested resource"),
    ("GET", f"{PODS}?limit=x", None, 400, "BadRequest", 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("GET", f"{PODS}?fieldSelector=foo=bar", None, 400, "BadRequest", "field label not supported: foo"),
    (
        "GET",
        f"{CONFIG_MAPS}?fieldSelector=foo=bar",
        None,
        400,
        "BadRequest",
        '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
    ("GET", f"{PODS}?labelSelector=a%3Db%3Dc", None, 400, "BadRequest", "found '=', expected: ',' or 'end of string'"),
    ("GET", f"{PODS}?continue=abc", None, 400, "BadRequest", "invalid continue token: continue key is not valid"),
    (
        "POST",
        f"{PODS}/x",
        {},
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    ),
    (
        "POST",
        PODS,
        {},
        422,
        "Invalid",
        (
            'Pod "" is invalid: [metadata.name: Required value: name or generateName is required, '
            "spec.containers: Required value]"
        ),
    ),
    ("POST", CONFIG_MAPS, _manifest("settings"), 409, "AlreadyExists", 'configmaps "settings" already exists'),
    (
        "POST",
        "/api/v1/namespaces/nowhere/configmaps",
        _manifest("x"),
        404,
        "NotFound",
        'namespaces "nowhere" not found',
    ),
    (
        "POST",
        CONFIG_MAPS,
        _manifest("x", metadata={"name": "x", "namespace": "other"}),
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    ("POST", CONFIG_MAPS, _manifest("x", kind="Gizmo"), 400, "BadRequest", 'Gizmo in version "v1" cannot be handled'),
    ("POST", CONFIG_MAPS, b"[1", 400, "BadRequest", "error parsing ConfigMap"),
    (
        "POST",
        CONFIG_MAPS,
        _manifest("Bad_Name"),
        422,
        "Invalid",
        'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
    ),
    (
        "PUT",
        f"{CONFIG_MAPS}/settings",
        _manifest("settings", metadata={"name": "settings", "resourceVersion": "1"}),
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your '
            "changes to the latest version and try again"
        ),
    ),
    (
        "PUT",
        f"{CONFIG_MAPS}/settings",
        _manifest("other"),
        400,
        "BadRequest",
        "the name of the object (other) does not match the name on the URL (settings)",
    ),
    ("DELETE", f"{CONFIG_MAPS}/nope", None, 404, "NotFound", 'configmaps "nope" not found'),
    (
        "PUT",
        "/apis/apps/v1/namespaces/shop/deployments/web/scale",
        {"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": -1}},
        422,
        "Invalid",
        'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ),
    (
        "GET",
        f"{PODS}/web-2-good/log?container=app&tailLines=-1",
        None,
        422,
        "Invalid",
        'PodLogOptions "web-2-good" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "reason", "message"), REFUSALS)
def test_refusals_are_worded_as_the_api_server_words_them(
    cluster: Cluster, method: str, path: str, body: Any, status: int, reason: str, message: str
) -> None:
    answer = cluster.ask(method, path, body)
    assert answer.status == status
    assert answer.body["kind"] == "Status"
    assert (answer.body["code"], answer.body["reason"]) == (status, reason)
    assert message in answer.body["message"]


def test_a_selector_that_does_not_match_the_template_is_invalid(cluster: Cluster) -> None:
    template = {"metadata": {"labels": {"c": "d"}}, "spec": {"containers": [{"name": "c"}]}}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    answer = cluster.ask("POST", "/apis/apps/v1/namespaces/shop/deployments", body)
    assert answer.status == 422
    assert [cause["field"] for cause in answer.body["details"]["causes"]] == [
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].image",
    ]


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic YTpi"])
def test_without_a_valid_token_there_is_401(cluster: Cluster, authorization: str) -> None:
    answer = cluster.ask("GET", PODS, user=None, Authorization=authorization)
    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")


def test_health_needs_no_token(cluster: Cluster) -> None:
    assert cluster.ask("GET", "/livez", user=None).body == b"ok"


def test_rbac_follows_the_bindings_in_the_store(cluster: Cluster) -> None:
    cluster.server.add_user("dev", groups=["developers"])
    assert cluster.ask("GET", PODS, user="dev").status == 403
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"], "resourceNames": []}]
    _rbac(cluster, "Role", "reader", rules=rules)
    _rbac(
        cluster,
        "RoleBinding",
        "reader",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        subjects=[{"kind": "Group", "name": "developers"}],
    )
    assert cluster.ask("GET", PODS, user="dev").status == 200
    everywhere = cluster.ask("GET", "/api/v1/pods", user="dev")
    assert everywhere.body["message"] == (
        'pods is forbidden: User "dev" cannot list resource "pods" in API group "" at the cluster scope'
    )
    log = cluster.ask("GET", f"{PODS}/web-2-good/log?container=app", user="dev")
    assert log.body["message"] == (
        'pods "web-2-good" is forbidden: User "dev" cannot get resource "pods/log" in API group "" in the namespace '
        '"shop"'
    )
    path = cluster.ask("GET", "/metrics", user="dev")
    assert path.body["message"] == 'forbidden: User "dev" cannot get path "/metrics"'


def _rbac(cluster: Cluster, kind: str, name: str, **fields: Any) -> None:
    metadata = {"name": name, "namespace": "shop"}
    cluster.store.put({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, **fields})


def test_tables_carry_what_the_query_asks_for(cluster: Cluster) -> None:
    with_metadata = cluster.ask("GET", PODS, Accept=TABLE).body
    assert with_metadata["kind"] == "Table"
    assert [column["name"] for column in with_metadata["columnDefinitions"] if column["priority"] == 0] == [
        *("Name", "Ready", "Status", "Restarts", "Age")
    ]
    assert with_metadata["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert "object" not in cluster.ask("GET", f"{PODS}?includeObject=None", Accept=TABLE).body["rows"][0]
    whole = cluster.ask("GET", f"{PODS}?includeObject=Object", Accept=TABLE).body["rows"][0]["object"]
    assert whole["spec"]["nodeName"] == "node-a"
    one = cluster.ask("GET", f"{PODS}/web-2-bad", Accept=TABLE).body
    assert one["rows"][0]["cells"][:3] == ["web-2-bad", "1/2", "CrashLoopBackOff"]


def test_only_metadata_can_be_asked_for(cluster: Cluster) -> None:
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    body = cluster.ask("GET", PODS, Accept=accept).body
    assert body["kind"] == "PartialObjectMetadataList"
    assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}
    assert cluster.ask("GET", PODS, Accept="text/csv").status == 406


def test_large_answers_are_compressed_where_welcome(cluster: Cluster) -> None:
    cluster.store.put(
        {**_manifest("big"), "metadata": {"name": "big", "namespace": "shop"}, "data": {"x": "y" * 200_000}}
    )
    packed = cluster.ask("GET", CONFIG_MAPS, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body))["kind"] == "ConfigMapList"
    assert "Content-Encoding" not in cluster.ask("GET", CONFIG_MAPS).headers
    assert "Content-Encoding" not in cluster.ask("GET", PODS, Accept_Encoding="gzip").headers


def test_an_expired_continue_token_is_gone(cluster: Cluster) -> None:
    token = cluster.ask("GET", f"{PODS}?limit=1").body["metadata"]["continue"]
    assert len(cluster.ask("GET", f"{PODS}?limit=1&continue={token}").body["items"]) == 1
    cluster.store.forget_history()
    answer = cluster.ask("GET", f"{PODS}?limit=1&continue={token}")
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


def _types(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def test_watch_without_a_version_begins_with_what_is_there(cluster: Cluster) -> None:
    events = cluster.ask("GET", f"{PODS}?watch=1&timeoutSeconds=1").body
    assert _types(events) == [("ADDED", "web-2-bad"), ("ADDED", "web-2-good")]


def test_watch_resumes_from_a_version_and_keeps_to_its_namespace(cluster: Cluster) -> None:
    start = cluster.ask("GET", CONFIG_MAPS).body["metadata"]["resourceVersion"]
    for namespace in ("default", "shop"):
        cluster.store.put({**_manifest("new"), "metadata": {"name": "new", "namespace": namespace}})
    cluster.store.delete("ConfigMap", "shop", "settings")
    events = cluster.ask("GET", f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1&resourceVersion={start}").body
    assert _types(events) == [("ADDED", "new"), ("DELETED", "settings")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(versions)
    assert versions[0] > int(start)


def test_watch_with_a_selector_sees_objects_come_and_go(cluster: Cluster) -> None:
    start = cluster.store.revision
    pod = cluster.store.get("Pod", "shop", "web-2-good")
    assert pod is not None
    for labels in ({"app": "web", "x": "1"}, {"app": "web", "x": "1", "y": "2"}, {"app": "web"}):
        pod["metadata"]["labels"] = labels
        cluster.store.put(pod)
    query = f"{PODS}?watch=1&timeoutSeconds=1&resourceVersion={start}&labelSelector=x"
    assert [event["type"] for event in cluster.ask("GET", query).body] == ["ADDED", "MODIFIED", "DELETED"]


def test_watch_too_far_back_is_an_expired_error_event(cluster: Cluster) -> None:
    cluster.store.forget_history()
    events = cluster.ask("GET", f"{PODS}?watch=1&timeoutSeconds=5&resourceVersion=1001").body
    assert [event["type"] for event in events] == ["ERROR"]
    assert (events[0]["object"]["code"], events[0]["object"]["reason"]) == (410, "Expired")


def test_watch_can_send_the_initial_state_with_a_bookmark(cluster: Cluster) -> None:
    query = "watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    events = cluster.ask("GET", f"{PODS}?{query}").body
    assert [event["type"] for event in events] == ["ADDED", "ADDED", "BOOKMARK"]
    assert events[-1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_watch_sends_bookmarks(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_INTERVAL_S", 0.2)
    start = cluster.store.revision
    cluster.store.put({**_manifest("other"), "metadata": {"name": "other", "namespace": "shop"}})
    query = f"{PODS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion={start}"
    events = cluster.ask("GET", query).body
    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert int(events[0]["object"]["metadata"]["resourceVersion"]) > start


def test_watch_as_tables_names_the_columns_once(cluster: Cluster) -> None:
    events = cluster.ask("GET", f"{PODS}?watch=1&timeoutSeconds=1", Accept=TABLE).body
    assert [event["object"]["kind"] for event in events] == ["Table", "Table"]
    assert len(events[0]["object"]["columnDefinitions"]) == 9
    assert events[1]["object"]["columnDefinitions"] == []
    assert events[1]["object"]["rows"][0]["cells"][0] == "web-2-good"


def test_logs_of_containers_that_have_none(cluster: Cluster) -> None:
    def ask(status: Manifest, node: str = "node-a") -> Any:
        spec = {"containers": [{"name": "a", "image": "a"}], **({"nodeName": node} if node else {})}
        metadata = {"name": "p", "namespace": "shop"}
        statuses = {"containerStatuses": [{"name": "a", **status}]} if status else {}
        cluster.store.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": statuses})
        return cluster.ask("GET", f"{PODS}/p/log")

    assert ask({}, node="").status == 204
    assert ask({}).body["message"] == 'container "a" in pod "p" is not available'
    pulling = ask({"state": {"waiting": {"reason": "ImagePullBackOff"}}})
    assert pulling.status == 400
    assert pulling.body["message"] == 'container "a" in pod "p" is waiting to start: trying and failing to pull image'
    creating = ask({"state": {"waiting": {"reason": "ContainerCreating"}}})
    assert creating.body["message"] == 'container "a" in pod "p" is waiting to start: ContainerCreating'
    assert ask({"state": {"running": {}}}).body == b""


def test_a_pod_with_init_containers_asks_which(cluster: Cluster) -> None:
    pod = cluster.store.get("Pod", "shop", "web-2-good")
    assert pod is not None
    pod["spec"]["initContainers"] = [{"name": "prepare", "image": "x"}]
    cluster.store.put(pod)
    assert cluster.ask("GET", f"{PODS}/web-2-good/log").body["message"] == (
        "a container name must be specified for pod web-2-good, choose one of: [app proxy] or one of the init "
        "containers: [prepare]"
    )
    pod["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "app"}
    cluster.store.put(pod)
    assert cluster.ask("GET", f"{PODS}/web-2-good/log?tailLines=1").body == b"line 4\n"


def test_create_fills_in_what_the_server_owns(cluster: Cluster) -> None:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"generateName": "api-"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
        "status": {"replicas": 7},
    }
    answer = cluster.ask("POST", "/apis/apps/v1/namespaces/shop/deployments", body)
    created = answer.body
    assert answer.status == 201
    assert created["metadata"]["name"].startswith("api-")
    assert created["metadata"]["uid"]
    assert created["metadata"]["generation"] == 1
    assert created["spec"]["replicas"] == 1
    assert created["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert created["status"] == {}


def test_status_and_spec_are_written_apart(cluster: Cluster) -> None:
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    merge = {"Content_Type": "application/merge-patch+json"}
    through_main = cluster.ask("PATCH", path, {"status": {"replicas": 9}}, **merge).body
    assert through_main["status"]["replicas"] == 2
    both = {"status": {"replicas": 9}, "spec": {"replicas": 9}}
    through_status = cluster.ask("PATCH", f"{path}/status", both, **merge).body
    assert through_status["status"]["replicas"] == 9
    assert through_status["spec"]["replicas"] == 2
    assert through_status["metadata"]["generation"] == through_main["metadata"]["generation"]


def test_an_object_with_a_finalizer_stays_until_it_is_let_go(cluster: Cluster) -> None:
    path = f"{CONFIG_MAPS}/kept"
    cluster.ask("POST", CONFIG_MAPS, _manifest("kept", metadata={"name": "kept", "finalizers": ["example.com/hold"]}))
    assert cluster.ask("DELETE", path).body["metadata"]["deletionTimestamp"]
    assert cluster.ask("GET", path).status == 200
    cluster.ask("PATCH", path, {"metadata": {"finalizers": None}}, Content_Type="application/merge-patch+json")
    assert cluster.ask("GET", path).status == 404


def test_delete_answers_with_object_or_status_and_checks_the_uid(cluster: Cluster) -> None:
    wrong = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}
    assert cluster.ask("DELETE", f"{CONFIG_MAPS}/settings", wrong).status == 409
    status = cluster.ask("DELETE", f"{CONFIG_MAPS}/settings").body
    assert (status["status"], status["details"]["kind"]) == ("Success", "configmaps")
    assert cluster.ask("DELETE", f"{PODS}/web-2-good").body["kind"] == "Pod"
    assert cluster.ask("DELETE", f"{PODS}?labelSelector=app%3Dweb").body["kind"] == "PodList"
    assert cluster.store.list("Pod", "shop") == []


def test_dry_runs_answer_and_keep_nothing(cluster: Cluster) -> None:
    before = cluster.store.revision
    assert cluster.ask("POST", f"{CONFIG_MAPS}?dryRun=All", _manifest("x")).body["metadata"]["uid"]
    merge = {"Content_Type": "application/merge-patch+json"}
    changed = cluster.ask("PATCH", f"{CONFIG_MAPS}/settings?dryRun=All", {"data": {"mode": "x"}}, **merge)
    assert changed.body["data"] == {"mode": "x"}
    assert cluster.ask("DELETE", f"{CONFIG_MAPS}/settings?dryRun=All").status == 200
    assert cluster.ask("DELETE", f"{CONFIG_MAPS}/settings", {"kind": "DeleteOptions", "dryRun": ["All"]}).status == 200
    assert cluster.ask("DELETE", CONFIG_MAPS, {"kind": "DeleteOptions", "dryRun": ["All"]}).status == 200
    assert cluster.store.revision == before


def test_eviction_respects_a_disruption_budget(cluster: Cluster) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": 0, "desiredHealthy": 2, "currentHealthy": 1},
    }
    cluster.store.put(budget)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-2-good"}}
    refused = cluster.ask("POST", f"{PODS}/web-2-good/eviction", eviction)
    assert refused.status == 429
    assert refused.body["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused.body["details"]["causes"][0]["message"] == (
        "The disruption budget web needs 2 healthy pods and has 1 currently"
    )
    cluster.store.delete("PodDisruptionBudget", "shop", "web")
    assert cluster.ask("POST", f"{PODS}/web-2-good/eviction", eviction).status == 201
    assert cluster.store.get("Pod", "shop", "web-2-good") is None


def test_writes_through_the_api_reach_the_callbacks(cluster: Cluster) -> None:
    heard: list[tuple[str, str]] = []

    def hear(verb: str, old: Manifest | None, new: Manifest | None) -> None:
        heard.append((verb, ((new or old) or {})["metadata"]["name"]))
        if verb == "create":
            cluster.store.put({**_manifest("answer"), "metadata": {"name": "answer", "namespace": "shop"}})

    cluster.store.on_change(hear)
    cluster.ask("POST", CONFIG_MAPS, _manifest("asked"))
    cluster.ask("PATCH", f"{CONFIG_MAPS}/asked", {"data": {}}, Content_Type="application/merge-patch+json")
    cluster.ask("PATCH", f"{CONFIG_MAPS}/asked", {"data": {}}, Content_Type="application/merge-patch+json")
    cluster.ask("DELETE", "/apis/apps/v1/namespaces/shop/deployments/web")
    assert heard == [("create", "asked"), ("update", "asked"), ("delete", "web")]
    assert cluster.store.get("ConfigMap", "shop", "answer") is not None


def test_a_callback_that_fails_is_an_internal_error(cluster: Cluster) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("out of order")

    cluster.store.on_change(fail)
    answer = cluster.ask("POST", CONFIG_MAPS, _manifest("x"))
    assert (answer.status, answer.body["reason"]) == (500, "InternalError")
    assert "out of order" in answer.body["message"]


def test_injected_errors_strike_and_end(cluster: Cluster) -> None:
    cluster.server.faults.fail("GET .*/pods", 429, count=1, retry_after_s=7)
    first = cluster.ask("GET", PODS)
    assert (first.status, first.headers["Retry-After"]) == (429, "7")
    assert cluster.ask("GET", PODS).status == 200
    cluster.server.faults.fail("/pods", 500)
    assert cluster.ask("GET", PODS).body["reason"] == "InternalError"
    assert cluster.ask("GET", CONFIG_MAPS).status == 200
    cluster.server.faults.clear()
    assert cluster.ask("GET", PODS).status == 200


def test_injected_disconnects_and_latency(cluster: Cluster) -> None:
    cluster.server.faults.fail("/pods", 0, count=1)
    with pytest.raises(OSError):  # noqa: PT011  reset or closed without an answer, as the moment has it
        cluster.ask("GET", PODS)
    cluster.server.faults.latency_s = 0.2
    begin = time.monotonic()
    assert cluster.ask("GET", PODS).status == 200
    assert time.monotonic() - begin >= 0.2


def test_close_ends_streams_at_once(store: Store, tmp_path: Any) -> None:
    from .conftest import serving  # noqa: PLC0415

    ended = threading.Event()
    with serving(store, tmp_path) as cluster:

        def follow() -> None:
            cluster.ask("GET", f"{PODS}?watch=1&timeoutSeconds=30")
            ended.set()

        threading.Thread(target=follow, daemon=True).start()
        time.sleep(0.2)
        begin = time.monotonic()
        cluster.run(cluster.server.close())
        assert time.monotonic() - begin < 1
        assert ended.wait(1)


def test_a_taken_port_is_refused(cluster: Cluster) -> None:
    port = int(cluster.server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        asyncio.run(DemoServer(Store()).start(port=port))


def test_the_kubeconfig_names_context_namespace_and_user(cluster: Cluster) -> None:
    cluster.server.add_user("dev", token="sesame")
    written = yaml.safe_load(cluster.server.kubeconfig("dev"))
    assert written["current-context"] == "demo"
    assert written["contexts"][0]["context"] == {"cluster": "demo", "user": "dev", "namespace": "default"}
    assert written["users"][0]["user"]["token"] == "sesame"
    with pytest.raises(KeyError):
        cluster.server.kubeconfig("nobody")


def test_discovery_is_told_one_by_one_and_aggregated(cluster: Cluster) -> None:
    groups = cluster.ask("GET", "/apis").body["groups"]
    assert {"apps", "metrics.k8s.io"} <= {group["name"] for group in groups}
    listed = {item["name"]: item for item in cluster.ask("GET", "/apis/apps/v1").body["resources"]}
    assert listed["deployments"]["shortNames"] == ["deploy"]
    assert listed["deployments/scale"]["kind"] == "Scale"
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    aggregated = cluster.ask("GET", "/api", Accept=accept)
    assert "as=APIGroupDiscoveryList" in aggregated.headers["Content-Type"]
    pods = next(item for item in aggregated.body["items"][0]["versions"][0]["resources"] if item["resource"] == "pods")
    assert {item["subresource"] for item in pods["subresources"]} == {"status", "log", "eviction"}
    assert cluster.ask("GET", "/apis/foo.io/v1/bars").body == b"404 page not found\n"


def test_every_listed_resource_can_be_listed(cluster: Cluster) -> None:
    for kind in cluster.store.catalog:
        if "list" in kind.verbs:
            answer = cluster.ask("GET", f"{kind.path}/{kind.plural}")
            assert answer.status == 200
            assert answer.body["kind"] == f"{kind.kind}List"
            assert cluster.ask("GET", f"{kind.path}/{kind.plural}", Accept=TABLE).body["kind"] == "Table"
