from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster import archive, client
from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.snapshot import ReadOptions, SoFar
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.events import Listener, ProgressEvent, StageChanged, silent
from kubeagentix.domain.network import EndpointSlice
from kubeagentix.domain.nodes import Event, Node, NodeMetrics, PodMetrics
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret
from kubeagentix.domain.workloads import CronJob, HorizontalPodAutoscaler, PodDisruptionBudget
from kubeagentix.errors import NotFoundError, UnauthorizedError, UnreachableError
from tests.cluster.conftest import FakeApi, Issued, Reply, Seen, listing, named, status

ADD_ONS = {name for name, kind in KINDS.items() if kind.is_optional}
QUICK = ReadOptions(deadline_s=3.0, optional_deadline_s=1.5)


def read(
    api: FakeApi,
    folder: Path,
    namespace: str | None = None,
    *,
    options: ReadOptions = ReadOptions(),  # noqa: B008
    listen: Listener = silent,
) -> Snapshot:
    with connect(kubeconfig=api.kubeconfig(folder)) as cluster:
        return asyncio.run(cluster.read_snapshot(namespace, options=options, listen=listen))


def forbidden(plural: str) -> Reply:
    return status(403, f'{plural} is forbidden: User "dev" cannot list resource "{plural}" in API group ""')


def crashing(name: str, namespace: str = "shop", **fields: Any) -> dict[str, Any]:
    failed = {"terminated": {"exitCode": 1}}
    statuses = [{"name": "app", "restartCount": 2, "state": failed, "lastState": failed}]
    return named(
        name,
        namespace,
        spec={"containers": [{"name": "app"}], **fields},
        status={"phase": "Running", "containerStatuses": statuses},
    )


def test_every_kind_has_an_entry_and_add_ons_that_are_absent_are_no_gap(api: FakeApi, tmp_path: Path) -> None:
    snapshot = read(api, tmp_path)
    assert set(snapshot.objects) == set(KINDS) - ADD_ONS
    assert snapshot.gaps == ()
    assert (snapshot.cluster, snapshot.server_version, snapshot.namespace) == ("lab", "v1.34.1", None)
    assert abs(snapshot.taken_at - datetime.now(UTC)) < timedelta(seconds=10)


def test_add_ons_are_read_where_they_are_served(api: FakeApi, tmp_path: Path) -> None:
    optional = [kind for kind in KINDS.values() if kind.is_optional]
    api.groups |= {
        group: tuple({kind.versions[0] for kind in optional if kind.group == group})
        for group in {kind.group for kind in optional}
    }
    api.on("/apis/metrics.k8s.io/v1beta1/pods", listing(named("web", "shop")))
    snapshot = read(api, tmp_path)
    assert set(snapshot.objects) == set(KINDS)
    assert snapshot.get(PodMetrics, "shop", "web") is not None


def test_metrics_that_are_registered_but_down_are_a_gap(api: FakeApi, tmp_path: Path) -> None:
    api.groups["metrics.k8s.io"] = ("v1beta1",)
    for plural in ("pods", "nodes"):
        api.on(f"/apis/metrics.k8s.io/v1beta1/{plural}", status(503, "the server is currently unable to handle it"))
    snapshot = read(api, tmp_path)
    assert {(gap.kind, gap.what) for gap in snapshot.gaps} == {
        ("PodMetrics", "pods.metrics.k8s.io in all namespaces"),
        ("NodeMetrics", "nodes.metrics.k8s.io"),
    }
    assert all(gap.why == "503 the server is currently unable to handle it" for gap in snapshot.gaps)
    assert not snapshot.was_read(NodeMetrics)


def test_only_the_kinds_that_were_named_are_read(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/pods", listing(crashing("web")))
    snapshot = read(api, tmp_path, "shop", options=ReadOptions(kinds=frozenset({"Pod", "Node"})))
    assert set(snapshot.objects) == {"Pod", "Node"}
    assert [pod.name for pod in snapshot.all(Pod)] == ["web"]
    assert (snapshot.gaps, snapshot.logs) == ((), ())
    assert not snapshot.was_read(ConfigMap)
    assert not [item for item in api.seen if item.path.endswith(("/configmaps", "/log", "/customresourcedefinitions"))]


def test_one_namespace_is_read_with_the_cluster_scoped_kinds(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/pods", listing(named("web", "shop")))
    api.on("/api/v1/nodes", listing(named("node-1")))
    snapshot = read(api, tmp_path, "shop")
    assert [pod.name for pod in snapshot.all(Pod)] == ["web"]
    assert [node.name for node in snapshot.all(Node)] == ["node-1"]
    assert snapshot.namespace == "shop"
    assert not api.asked("/api/v1/pods")


def test_events_about_nodes_belong_to_every_namespace(api: FakeApi, tmp_path: Path) -> None:
    about_node = named("n", "default", involvedObject={"kind": "Node", "name": "node-1"})
    api.on("/api/v1/namespaces/shop/events", listing(named("e", "shop", involvedObject={"kind": "Pod", "name": "web"})))
    api.on("/api/v1/namespaces/default/events", listing(about_node, named("other", "default")))
    snapshot = read(api, tmp_path, "shop")
    assert [event.name for event in snapshot.all(Event)] == ["e", "n"]
    assert api.asked("/api/v1/namespaces/default/events")[0].query["fieldSelector"] == "involvedObject.kind=Node"


def test_403_becomes_a_gap_that_says_what_to_ask_for(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/secrets", forbidden("secrets"))
    api.on("/api/v1/nodes", forbidden("nodes"))
    snapshot = read(api, tmp_path)
    assert set(snapshot.gaps) == {
        Gap(
            what="secrets in all namespaces",
            why="403 Forbidden for user dev: ask for list on secrets, or pass a namespace",
            kind="Secret",
        ),
        Gap(what="nodes", why="403 Forbidden for user dev: ask for list on nodes", kind="Node"),
    }
    assert not snapshot.was_read(Secret)
    assert snapshot.was_read(Pod)


def test_add_ons_nobody_may_ask_about_are_no_gap(api: FakeApi, tmp_path: Path) -> None:
    api.on("/apis", forbidden("apis"))
    api.on("/apis/metrics.k8s.io/v1beta1/pods", forbidden("pods"))
    snapshot = read(api, tmp_path)
    assert snapshot.gaps == ()
    assert "PodMetrics" not in snapshot.objects


def test_403_in_one_namespace_names_it(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/secrets", forbidden("secrets"))
    assert read(api, tmp_path, "shop").gaps == (
        Gap(
            what="secrets in namespace shop",
            why="403 Forbidden for user dev: ask for list on secrets",
            kind="Secret",
            namespace="shop",
        ),
    )


def test_a_missing_group_or_version_is_a_gap(api: FakeApi, tmp_path: Path) -> None:
    del api.groups["policy"]
    api.groups["autoscaling"] = ("v1",)
    gaps = {gap.kind: gap.why for gap in read(api, tmp_path).gaps}
    assert gaps == {
        "PodDisruptionBudget": "the server does not serve policy/v1 or policy/v1beta1",
        "HorizontalPodAutoscaler": "the server does not serve autoscaling/v2 or autoscaling/v2beta2",
    }


def test_a_server_as_old_as_1_20_is_read(api: FakeApi, tmp_path: Path) -> None:
    api.groups |= {
        "batch": ("v1", "v1beta1"),
        "autoscaling": ("v1", "v2beta1", "v2beta2"),
        "policy": ("v1beta1",),
        "discovery.k8s.io": ("v1beta1",),
    }
    api.on("/apis/batch/v1/cronjobs", status(404, "the server could not find the requested resource"))
    api.on("/apis/batch/v1beta1/cronjobs", listing(named("tick", "shop")))
    api.on("/apis/autoscaling/v2beta2/horizontalpodautoscalers", listing(named("web", "shop")))
    api.on("/apis/policy/v1beta1/poddisruptionbudgets", listing(named("web", "shop")))
    api.on("/apis/discovery.k8s.io/v1beta1/endpointslices", listing(named("web-x", "shop")))
    snapshot = read(api, tmp_path)
    assert snapshot.gaps == ()
    for kind in (CronJob, HorizontalPodAutoscaler, PodDisruptionBudget, EndpointSlice):
        assert len(snapshot.all(kind)) == 1


def test_a_hanging_kind_becomes_a_gap_at_the_deadline(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/configmaps", Reply(is_hanging=True))
    snapshot = read(api, tmp_path, options=QUICK)
    assert snapshot.gaps == (Gap(what="configmaps in all namespaces", why="not read within 3 s", kind="ConfigMap"),)
    assert not snapshot.was_read(ConfigMap)
    assert snapshot.was_read(Pod)


def test_a_hanging_add_on_does_not_hold_up_the_rest(api: FakeApi, tmp_path: Path) -> None:
    api.groups["metrics.k8s.io"] = ("v1beta1",)
    api.on("/apis/metrics.k8s.io/v1beta1/pods", Reply(is_hanging=True))
    started = time.monotonic()
    snapshot = read(api, tmp_path, options=ReadOptions(optional_deadline_s=1.5))
    assert time.monotonic() - started < 30
    assert [gap.why for gap in snapshot.gaps] == ["not read within 1.5 s"]


def test_a_list_that_breaks_off_is_kept_and_named(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/pods", listing(named("a", "shop"), token="2"), forbidden("pods"))
    snapshot = read(api, tmp_path)
    assert [pod.name for pod in snapshot.all(Pod)] == ["a"]
    assert snapshot.gaps[0].what == "pods in all namespaces after the first 1"
    assert not snapshot.was_read(Pod)


def test_an_object_that_cannot_be_read_leaves_its_kind_in_doubt(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/pods", listing(named("odd", "shop", spec="text"), named("fine", "shop")))
    snapshot = read(api, tmp_path)
    assert [pod.name for pod in snapshot.all(Pod)] == ["fine"]
    assert not snapshot.was_read(Pod, "shop")
    assert snapshot.was_read(Pod, "elsewhere")


def test_where_nobody_is_let_in_that_is_raised(api: FakeApi, tmp_path: Path) -> None:
    for path in ("/version", "/apis"):
        api.on(path, status(401, "Unauthorized"))
    with pytest.raises(UnauthorizedError, match=r"401 Unauthorized"):
        read(api, tmp_path)


def test_where_only_the_door_opens_that_is_raised_too(api: FakeApi, tmp_path: Path) -> None:
    # Some servers show their version to anyone.
    for kind in KINDS.values():
        root = f"/apis/{kind.group}/{kind.versions[0]}" if kind.group else "/api/v1"
        api.on(f"{root}/{kind.plural}", status(401, "Unauthorized"))
    with pytest.raises(UnauthorizedError):
        read(api, tmp_path)


def test_a_server_that_stops_answering_altogether_is_unreachable(api: FakeApi, tmp_path: Path) -> None:
    for path in ("/version", "/apis"):
        api.on(path, Reply(is_hanging=True))
    with pytest.raises(UnreachableError, match=r"no answer within 3 s"):
        read(api, tmp_path, options=QUICK)


def test_where_all_is_forbidden_all_is_a_gap(api: FakeApi, tmp_path: Path) -> None:
    for kind in KINDS.values():
        root = f"/apis/{kind.group}/{kind.versions[0]}" if kind.group else "/api/v1"
        api.on(f"{root}/{kind.plural}", forbidden(kind.plural))
    snapshot = read(api, tmp_path)
    assert snapshot.objects == {}
    assert {gap.kind for gap in snapshot.gaps} == set(KINDS) - ADD_ONS


def test_an_unknown_namespace_is_told_with_the_nearest_names(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shpo", status(404, 'namespaces "shpo" not found'))
    api.on("/api/v1/namespaces", listing(named("shop"), named("default")))
    with pytest.raises(
        NotFoundError, match=r"there is no namespace 'shpo'; did you mean shop\? namespaces: default, shop"
    ):
        read(api, tmp_path, "shpo")


def test_an_unknown_namespace_is_told_without_names_where_they_are_secret(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shpo", status(404, 'namespaces "shpo" not found'))
    api.on("/api/v1/namespaces", forbidden("namespaces"))
    with pytest.raises(NotFoundError, match=r"there is no namespace 'shpo'; check its spelling"):
        read(api, tmp_path, "shpo")


def test_a_namespace_that_may_not_be_looked_up_is_read_all_the_same(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop", forbidden("namespaces"))
    api.on("/api/v1/namespaces", forbidden("namespaces"))
    api.on("/api/v1/namespaces/shop/pods", listing(named("web", "shop")))
    snapshot = read(api, tmp_path, "shop")
    assert [pod.name for pod in snapshot.all(Pod)] == ["web"]
    assert [gap.kind for gap in snapshot.gaps] == ["Namespace"]


def test_a_namespace_cannot_lead_elsewhere(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces", listing(named("shop")))
    for name in ("../secrets?x=", "", "shop/pods", "x" * 64):
        with pytest.raises(NotFoundError, match=r"there is no namespace"):
            read(api, tmp_path, name)
    assert {request.path for request in api.seen} == {"/version", "/apis", "/api/v1/namespaces"}


def test_a_namespace_in_the_wrong_case_is_told_with_the_right_one(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces", listing(named("shop")))
    with pytest.raises(NotFoundError, match=r"did you mean shop\?"):
        read(api, tmp_path, "Shop")


def test_logs_of_containers_in_trouble_are_read(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/pods", listing(crashing("web"), named("well", "shop")))

    def log(request: Seen) -> Reply:
        return Reply(b"old\n" if "previous" in request.query else b"new\n")

    api.on("/api/v1/namespaces/shop/pods/web/log", log)
    snapshot = read(api, tmp_path)
    assert [(log.pod, log.is_previous, log.lines) for log in snapshot.logs] == [
        ("web", False, ("new",)),
        ("web", True, ("old",)),
    ]
    assert read(api, tmp_path, options=ReadOptions(with_logs=False)).logs == ()


def test_the_logs_of_servers_that_others_blame_are_read_after_theirs(api: FakeApi, tmp_path: Path) -> None:
    spec = {"nodeName": "n", "containers": [{"name": "srv"}]}
    status = {"phase": "Running", "containerStatuses": [{"name": "srv", "ready": True, "state": {"running": {}}}]}
    server = named("db-0", "shop", spec=spec, status=status)
    server["metadata"]["labels"] = {"app": "db"}
    api.on("/api/v1/pods", listing(crashing("web"), server))
    api.on("/api/v1/services", listing(named("db", "shop", spec={"selector": {"app": "db"}})))
    api.on("/api/v1/namespaces/shop/pods/web/log", Reply(b"connecting to db:5432 failed: connection reset by peer\n"))
    api.on("/api/v1/namespaces/shop/pods/db-0/log", Reply(b"FATAL:  sorry, too many clients already\n"))
    heard: list[ProgressEvent] = []
    logs = read(api, tmp_path, listen=heard.append).logs
    assert [(log.pod, log.is_previous) for log in logs] == [("web", False), ("web", True), ("db-0", False)]
    last = [event for event in heard if isinstance(event, StageChanged) and event.stage == "logs"][-1]
    assert (last.done, last.total, last.detail) == (3, 3, "db-0")


def test_more_logs_are_read_of_a_larger_cluster(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubeagentix.cluster.snapshot.PODS_PER_LOG", 1)
    api.on("/api/v1/pods", listing(*(crashing(name) for name in ("a", "b", "c"))))
    for name in ("a", "b", "c"):
        api.on(f"/api/v1/namespaces/shop/pods/{name}/log", Reply(b"boom\n"))
    assert len(read(api, tmp_path, options=ReadOptions(max_logs=1)).logs) == 3


def test_logs_on_a_node_that_fell_silent_are_a_gap(api: FakeApi, tmp_path: Path) -> None:
    unknown = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    api.on("/api/v1/nodes", listing(named("gone", status=unknown)))
    api.on("/api/v1/pods", listing(crashing("web", nodeName="gone")))
    assert [gap.what for gap in read(api, tmp_path).gaps] == ["logs of 1 container on node gone"]


def test_progress_is_told(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/pods", listing(crashing("web")))
    heard: list[ProgressEvent] = []
    read(api, tmp_path, listen=heard.append)
    stages = [event for event in heard if isinstance(event, StageChanged)]
    assert stages[0] == StageChanged(stage="connect", done=1, total=1, detail="v1.34.1")
    collected = [event for event in stages if event.stage == "collect"]
    assert [event.done for event in collected] == list(range(1, len(KINDS) + 1))
    assert {event.detail for event in collected} == {kind.plural for kind in KINDS.values()}
    assert [(event.done, event.total) for event in stages if event.stage == "logs"] == [(1, 2), (2, 2)]


def test_objects_are_counted_as_they_come_in(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/pods", listing(named("a", "shop"), named("b", "shop"), token="next"), listing(named("c", "shop")))
    heard: list[ProgressEvent] = []
    read(api, tmp_path, listen=heard.append)
    pods = [event for event in heard if isinstance(event, StageChanged) and event.detail == "pods" and event.items]
    assert [event.items for event in pods] == [2, 3]
    assert pods[0].done < pods[1].done


def test_a_long_list_is_gone_on_with_before_others_are_begun(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "WORKERS", 1)
    api.on("/api/v1/pods", listing(named("a", "shop"), token="next"), listing(named("b", "shop")))
    read(api, tmp_path)
    asked = [request.path for request in api.seen]
    first = asked.index("/api/v1/pods")
    assert asked.index("/api/v1/pods", first + 1) < first + 10 < len(asked)


def test_what_is_read_so_far_is_seen_while_the_rest_comes(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/pods", listing(named("web", "shop")))
    api.on("/api/v1/configmaps", Reply(is_hanging=True))
    seen: list[Snapshot] = []

    async def look(so_far: SoFar) -> None:
        while not (seen and len(seen[-1].objects) == len(KINDS) - len(ADD_ONS) - 1):
            await asyncio.sleep(0.01)
            if (picture := so_far()) is not None:
                seen.append(picture)

    with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
        whole = asyncio.run(cluster.read_snapshot(options=ReadOptions(deadline_s=2.0), meanwhile=look))
    assert all(picture.was_read(Pod) for picture in seen)
    assert not any(picture.was_read(ConfigMap) for picture in seen)
    assert [gap.kind for gap in whole.gaps] == ["ConfigMap"]
    assert len(seen[-1].objects) == len(whole.objects)


def test_the_moment_is_that_of_the_servers_clock(api: FakeApi, tmp_path: Path) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    for path in ("/version", "/apis"):
        body = {"gitVersion": "v1.34.1", "groups": []}
        api.on(path, Reply(body, headers={"date": date}))
    assert read(api, tmp_path).taken_at > datetime.now(UTC) + timedelta(hours=23)


def test_no_secret_is_in_the_snapshot_or_its_file(api: FakeApi, tmp_path: Path, issue: Callable[..., Issued]) -> None:
    value, pulled, applied = "hunter2-the-value", "registry-pass-word", "from-the-last-applied-copy"
    tls = issue("shop.example")
    docker = json.dumps({"auths": {"registry.example.com": {"password": pulled}}})

    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    copy = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"password": applied}})}
    metadata: dict[str, object] = {"name": "db", "namespace": "shop", "annotations": copy}
    metadata["managedFields"] = [{"manager": "kubectl", "fieldsV1": {f"f:{applied}": {}}}]
    api.on(
        "/api/v1/secrets",
        listing(
            {"metadata": metadata, "type": "Opaque", "data": {"password": encoded(value)}},
            named(
                "tls",
                "shop",
                type="kubernetes.io/tls",
                data={"tls.crt": encoded(tls.certificate), "tls.key": encoded(tls.key)},
            ),
            named("pull", "shop", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": encoded(docker)}),
            named("odd", "shop", type="Opaque", data={"null": None, "password": encoded(value)}),
        ),
    )
    api.on("/api/v1/configmaps", listing(named("settings", "shop", data={"key": value})))
    snapshot = read(api, tmp_path)
    assert snapshot.gaps == ()
    secret = snapshot.get(Secret, "shop", "db")
    assert secret is not None
    assert secret.keys == ("password",)
    certificate = snapshot.get(Secret, "shop", "tls")
    assert certificate is not None
    assert certificate.certificate is not None
    archive.save(snapshot, tmp_path / "s.json.gz")
    written = archive._unpack(tmp_path / "s.json.gz", 1 << 20).decode()
    for text in (repr(snapshot.objects), written):
        for secret_text in (value, pulled, applied, tls.key.splitlines()[1]):
            assert secret_text not in text
            assert encoded(secret_text) not in text
        assert "registry.example.com" in text


def test_a_snapshot_can_be_read_again_and_from_another_loop(api: FakeApi, tmp_path: Path) -> None:
    with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
        first = asyncio.run(cluster.read_snapshot())
        second = asyncio.run(cluster.read_snapshot())
    assert replace(second, taken_at=first.taken_at) == first
