from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.kubeconfig import resolve
from kubeagentix.cluster.logs import MAX_BYTES, LogPlan, LogRequest, choose_logs, choose_server_logs, read_logs
from kubeagentix.cluster.projections import project
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from tests.cluster.conftest import FakeApi, Reply, Seen, status

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LONG_AGO, JUST_NOW = "2026-01-15T11:00:00Z", "2026-01-15T11:59:50Z"
FAILED = {"terminated": {"exitCode": 1, "reason": "Error"}}
DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}
RUNNING = {"running": {"startedAt": LONG_AGO}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff"}}


def state(
    name: str, now: dict[str, Any], *, ready: bool = False, restarts: int = 0, last: Any = None
) -> dict[str, Any]:
    return {"name": name, "ready": ready, "restartCount": restarts, "state": now, "lastState": last or {}}


def pod(
    name: str,
    *statuses: dict[str, Any],
    init: tuple[dict[str, Any], ...] = (),
    owner: str = "",
    phase: str = "Running",
    policy: str = "Always",
    sidecars: tuple[str, ...] = (),
    node: str = "node-1",
) -> Pod:
    owners = [{"kind": "ReplicaSet", "name": owner, "controller": True}] if owner else []
    manifest = {
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners},
        "spec": {
            "nodeName": node,
            "restartPolicy": policy,
            "containers": [{"name": item["name"]} for item in statuses],
            "initContainers": [
                {"name": item["name"], **({"restartPolicy": "Always"} if item["name"] in sidecars else {})}
                for item in init
            ],
        },
        "status": {"phase": phase, "containerStatuses": list(statuses), "initContainerStatuses": list(init)},
    }
    return cast("Pod", project(KINDS["Pod"], manifest))


def chosen(*pods: Pod, **options: Any) -> list[tuple[str, str, bool]]:
    plan = choose_logs(pods, now=NOW, **options)
    return [(request.pod, request.container, request.is_previous) for request in plan.requests]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([state("app", RUNNING, ready=True)], []),
        ([state("app", {"running": {"startedAt": JUST_NOW}})], []),
        ([state("app", RUNNING)], [False]),
        ([state("app", {"waiting": {"reason": "ContainerCreating"}})], []),
        ([state("app", {"waiting": {"reason": "PodInitializing"}})], []),
        ([state("app", {"waiting": {"reason": "ImagePullBackOff"}})], []),  # it never ran
        ([state("app", {"waiting": {"reason": "CreateContainerConfigError"}})], []),
        ([state("app", {"waiting": {"reason": "ImagePullBackOff"}}, restarts=1, last=FAILED)], [False, True]),
        ([state("app", BACK_OFF, restarts=3, last=FAILED)], [False, True]),
        ([state("app", FAILED)], [False]),
        ([state("app", FAILED, restarts=1, last=FAILED)], [False, True]),
        ([state("app", DONE)], [False]),  # about to be started again
        ([state("app", {"terminated": {"exitCode": 0, "signal": 9}})], [False]),
        ([state("app", RUNNING, ready=True, restarts=2, last=FAILED)], [False, True]),
        ([state("app", {}, ready=False)], []),
    ],
)
def test_which_containers_are_in_trouble(statuses: list[dict[str, Any]], expected: list[bool]) -> None:
    assert chosen(pod("p", *statuses)) == [("p", "app", previous) for previous in expected]


def calling(name: str, owner: str = "", *, probe: bool = False, started: str = LONG_AGO, value: str = "db:5432") -> Pod:
    """A pod that is ready, and told where its database is."""
    status = state("app", {"running": {"startedAt": started}}, ready=True)
    container: dict[str, Any] = {"name": "app", "env": [{"name": "DATABASE", "value": value}]}
    if probe:
        container["readinessProbe"] = {"tcpSocket": {"port": 80}}
    manifest = {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "controller": True}] if owner else [],
        },
        "spec": {"nodeName": "node-1", "containers": [container]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }
    return cast("Pod", project(KINDS["Pod"], manifest))


def test_of_those_that_are_well_one_of_each_owner_that_calls_others_is_read_last_and_those_nobody_asks_first() -> None:
    pods = [
        calling("a", probe=True),
        calling("b", owner="web"),
        calling("c", owner="web"),
        calling("new", started=JUST_NOW),
        calling("alone", value="verbose"),
        pod("stuck", state("app", RUNNING)),
    ]
    assert [name for name, _, _ in chosen(*pods)] == ["stuck", "b", "a"]
    assert [name for name, _, _ in chosen(*pods, max_logs=2)] == ["stuck", "b"]
    assert choose_logs(pods, now=NOW, max_logs=1).gaps == ()
    assert [item.since_s for item in choose_logs(pods, now=NOW).requests] == [None, 600, 600]


def test_settings_that_are_kept_elsewhere_may_name_a_host() -> None:
    container = {"name": "app", "envFrom": [{"configMapRef": {"name": "settings"}}]}
    manifest = {
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"nodeName": "node-1", "containers": [container]},
        "status": {"phase": "Running", "containerStatuses": [state("app", RUNNING, ready=True)]},
    }
    assert chosen(cast("Pod", project(KINDS["Pod"], manifest))) == [("a", "app", False)]


@pytest.mark.parametrize(
    ("volume", "path", "is_read"),
    [
        ({"configMap": {"name": "code"}}, "/app", True),
        ({"secret": {"secretName": "code"}}, "/app", True),
        ({"secret": {"secretName": "default-token-x"}}, "/var/run/secrets/kubernetes.io/serviceaccount", False),
        ({"emptyDir": {}}, "/app", False),
    ],
)
def test_a_program_that_is_kept_elsewhere_may_call_others(volume: dict[str, Any], path: str, is_read: bool) -> None:
    container = {"name": "app", "volumeMounts": [{"name": "v", "mountPath": path}]}
    manifest = {
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"nodeName": "node-1", "containers": [container], "volumes": [{"name": "v", **volume}]},
        "status": {"phase": "Running", "containerStatuses": [state("app", RUNNING, ready=True)]},
    }
    assert bool(chosen(cast("Pod", project(KINDS["Pod"], manifest)))) is is_read


def test_an_owner_in_trouble_is_not_read_once_more_for_its_calls() -> None:
    assert [name for name, _, _ in chosen(calling("a", "web"), pod("b", state("app", RUNNING), owner="web"))] == ["b"]


def test_a_service_account_of_its_own_makes_a_pod_a_caller_too() -> None:
    def of(account: str, **spec: Any) -> Pod:
        return msgspec.structs.replace(
            calling(account or "none", value="verbose"),
            spec=msgspec.structs.replace(calling("x", value="-").spec, service_account_name=account, **spec),
        )

    assert chosen(of("operator")) == [("operator", "app", False)]
    assert chosen(of("default"), of(""), of("idle", automount_service_account_token=False)) == []


@pytest.mark.parametrize(
    ("medium", "limits", "expected"),
    [("Memory", {"memory": "40Mi"}, ["cache"]), ("Memory", {}, []), ("", {"memory": "40Mi"}, [])],
)
def test_who_keeps_files_in_memory_under_a_limit_may_lose_a_child(
    medium: str, limits: dict[str, str], expected: list[str]
) -> None:
    mounts = [{"name": "v", "mountPath": "/cache"}]
    manifest = {
        "metadata": {"name": "cache", "namespace": "shop"},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "app", "resources": {"limits": limits}, "volumeMounts": mounts}],
            "volumes": [{"name": "v", "emptyDir": {"medium": medium}}],
        },
        "status": {"phase": "Running", "containerStatuses": [state("app", RUNNING, ready=True)]},
    }
    assert [name for name, _, _ in chosen(cast("Pod", project(KINDS["Pod"], manifest)))] == expected


def test_a_pod_without_statuses_has_no_logs() -> None:
    assert chosen(pod("pending", phase="Pending")) == []


def test_a_finished_job_is_read_only_where_it_failed() -> None:
    assert chosen(pod("ok", state("job", DONE), phase="Succeeded", policy="Never")) == []
    failed = pod("bad", state("job", FAILED), state("helper", DONE), phase="Failed", policy="Never")
    assert chosen(failed) == [("bad", "job", False)]


def test_a_job_with_a_finished_container_and_a_running_sidecar_is_well() -> None:
    assert chosen(pod("j", state("job", DONE), state("proxy", RUNNING, ready=True), policy="Never")) == []


def test_init_containers_that_fail_or_do_not_end_are_read_and_those_done_are_not() -> None:
    waiting = state("app", {"waiting": {"reason": "PodInitializing"}})
    assert chosen(pod("a", waiting, init=(state("setup", DONE), state("wait", RUNNING)))) == [("a", "wait", False)]
    crashing = state("migrate", BACK_OFF, restarts=2, last=FAILED)
    assert chosen(pod("b", waiting, init=(crashing,))) == [("b", "migrate", False), ("b", "migrate", True)]


def test_a_sidecar_that_runs_is_well_and_one_that_is_not_ready_is_read() -> None:
    app = state("app", RUNNING, ready=True)
    assert chosen(pod("a", app, init=(state("mesh", RUNNING, ready=True),), sidecars=("mesh",))) == []
    assert chosen(pod("b", app, init=(state("mesh", RUNNING),), sidecars=("mesh",))) == [("b", "mesh", False)]


def test_the_most_troubled_come_first_and_every_owner_before_a_second_replica() -> None:
    crashing = state("app", FAILED)
    pods = [
        pod("restarted", state("app", RUNNING, ready=True, restarts=1, last=FAILED)),
        pod("stuck", state("app", RUNNING)),
        *(pod(f"web-{letter}", crashing, owner="web") for letter in "abcde"),
    ]
    assert [name for name, _, previous in chosen(*pods) if not previous] == [
        "web-a",
        "stuck",
        "restarted",
        "web-b",
        "web-c",
    ]


def test_of_replicas_the_worst_are_read() -> None:
    calm, wild = state("app", RUNNING), state("app", BACK_OFF, restarts=9, last=FAILED)
    pods = [pod("a", calm, owner="web"), pod("b", wild, owner="web")]
    assert chosen(*pods, max_pods_per_owner=1) == [("b", "app", False), ("b", "app", True)]


def test_what_the_limit_leaves_out_is_a_gap() -> None:
    pods = [pod(f"p{number}", state("app", FAILED)) for number in range(5)]
    plan = choose_logs(pods, now=NOW, max_logs=2)
    assert len(plan.requests) == 2
    assert plan.gaps == (Gap(what="logs of 3 more containers", why="not read: limit 2 logs"),)


def test_nodes_that_fell_silent_are_not_asked() -> None:
    pods = [pod("a", state("app", FAILED), node="gone"), pod("b", state("app", FAILED))]
    plan = choose_logs(pods, now=NOW, silent_nodes={"gone"})
    assert [request.pod for request in plan.requests] == ["b"]
    assert plan.gaps == (Gap(what="logs of 1 container on node gone", why="the node's kubelet has stopped reporting"),)


PATH = "/api/v1/namespaces/shop/pods/web/log"
WANTED = LogRequest(namespace="shop", pod="web", container="app", is_previous=False)


@pytest.fixture
def client(api: FakeApi, tmp_path: Path) -> Iterator[Client]:
    """A client of the scripted server."""
    made = Client(resolve(kubeconfig=api.kubeconfig(tmp_path)))
    yield made
    made.close()


def read(client: Client, *requests: LogRequest, seconds: float = 10) -> tuple[list[ContainerLog], list[Gap]]:
    plan = LogPlan(requests=requests or (WANTED,))
    logs, gaps = asyncio.run(read_logs(client, plan, Deadline(seconds), progress=lambda *_: None))
    return list(logs), list(gaps)


def test_lines_are_read_within_bounds(api: FakeApi, client: Client) -> None:
    api.on(PATH, Reply(b"first\r\nsecond \xff\n\nlast\n"))
    (log,), gaps = read(client)
    assert log.lines == ("first", "second \ufffd", "", "last")
    assert not log.is_truncated
    assert gaps == []
    assert api.seen[0].query == {
        "container": "app",
        "tailLines": "200",
        "limitBytes": "65536",
        "timestamps": "true",
    }


def test_the_kubelets_times_are_kept_beside_the_lines(api: FakeApi, client: Client) -> None:
    api.on(PATH, Reply(b"2026-01-15T11:59:01.250000000Z a\n2026-01-15T11:59:03.000000000Z \n"))
    (log,), _ = read(client)
    assert log.lines == ("a", "")
    assert [str(log.time_of(index)) for index in (0, 1)] == [
        "2026-01-15 11:59:01.250000+00:00",
        "2026-01-15 11:59:03+00:00",
    ]
    assert log.time_of(2) is None


def test_a_server_that_gives_no_times_is_read_all_the_same(api: FakeApi, client: Client) -> None:
    api.on(PATH, Reply(b"a\nb\n"))
    (log,), _ = read(client)
    assert (log.lines, log.begins_at, log.offsets_ms) == (("a", "b"), None, ())


def test_the_previous_log_is_asked_for(api: FakeApi, client: Client) -> None:
    api.on(PATH, Reply(b"old\n"))
    (log,), _ = read(client, LogRequest(namespace="shop", pod="web", container="app", is_previous=True))
    assert log.is_previous
    assert api.seen[0].query["previous"] == "true"


def test_a_full_tail_counts_as_truncated(api: FakeApi, client: Client) -> None:
    api.on(PATH, Reply(b"line\n" * 200))
    assert read(client)[0][0].is_truncated


def test_the_newest_lines_are_kept_where_bytes_run_out(api: FakeApi, client: Client) -> None:
    lines = [b"%d " % number + b"x" * 1000 for number in range(200)]

    def kubelet(request: Seen) -> Reply:
        # As the real one: find the last lines, then write no more than the limit from there on.
        tail = b"".join(line + b"\n" for line in lines[-int(request.query["tailLines"]) :])
        return Reply(tail[: int(request.query["limitBytes"])])

    api.on(PATH, kubelet)
    (log,), _ = read(client)
    assert log.lines[-1].startswith("199 ")
    assert log.is_truncated
    assert sum(map(len, log.lines)) <= MAX_BYTES


@pytest.mark.parametrize("body", [b"x" * 1_000_000, b"line\n" * 200_000])
def test_a_log_that_is_longer_than_any_limit_is_cut_and_is_a_gap(api: FakeApi, client: Client, body: bytes) -> None:
    api.on(PATH, Reply(body))
    (log,), (gap,) = read(client)
    assert log.is_cut
    assert sum(map(len, log.lines)) <= MAX_BYTES
    assert gap.what == "the end of logs of 1 container (shop/web app)"
    assert gap.why == "no more than 64 KiB of each are read, and its lines are longer"


@pytest.mark.parametrize(
    "reply",
    [
        status(400, 'container "app" in pod "web" is waiting to start: trying and failing to pull image'),
        status(400, 'container "app" in pod "web" is waiting to start: PodInitializing'),
        status(400, 'previous terminated container "app" in pod "web" not found'),
        status(404, 'pods "web" not found'),
        Reply(b""),
        Reply(b"unable to retrieve container logs for containerd://4f5b"),
    ],
)
def test_where_there_is_no_log_there_is_no_gap(api: FakeApi, client: Client, reply: Reply) -> None:
    api.on(PATH, reply)
    assert read(client) == ([], [])


def test_a_log_that_is_forbidden_is_a_gap(api: FakeApi, client: Client) -> None:
    api.on(PATH, status(403, 'pods "web" is forbidden: User "dev" cannot get resource "pods/log"'))
    previous = LogRequest(namespace="shop", pod="web", container="app", is_previous=True)
    assert read(client, WANTED, previous)[1] == [
        Gap(what="logs of 1 container (shop/web app)", why="403 Forbidden for user dev: ask for get on pods/log")
    ]


def test_logs_that_fail_alike_share_one_gap(api: FakeApi, client: Client) -> None:
    for number in range(5):
        said = f'Get "https://10.0.0.{number}:10250/containerLogs/x": dial tcp: connect: connection refused'
        api.on(f"/api/v1/namespaces/shop/pods/p{number}/log", status(500, said))
    requests = [LogRequest(namespace="shop", pod=f"p{n}", container="app", is_previous=False) for n in range(5)]
    _, gaps = read(client, *requests)
    assert gaps == [
        Gap(
            what="logs of 5 containers (shop/p0 app, shop/p1 app, shop/p2 app, …)",
            why="500 dial tcp: connect: connection refused",
        )
    ]


def test_a_log_that_hangs_is_a_gap_and_the_others_are_read(api: FakeApi, client: Client) -> None:
    api.on(PATH, Reply(is_hanging=True))
    api.on("/api/v1/namespaces/shop/pods/b/log", Reply(b"here\n"))
    logs, gaps = read(
        client, WANTED, LogRequest(namespace="shop", pod="b", container="app", is_previous=False), seconds=0.4
    )
    assert [log.pod for log in logs] == ["b"]
    assert gaps == [Gap(what="logs of 1 container (shop/web app)", why="not read within 0.4 s")]


def server_logs(*said: str, told: str = "", node: str = "node-1", **options: Any) -> list[tuple[str, int | None]]:
    """Which logs are chosen in a second pass after those of a client in trouble, which said these lines."""
    client = pod("web", state("app", BACK_OFF, restarts=1, last=FAILED))
    [spec] = client.spec.containers
    client = msgspec.structs.replace(
        client, spec=msgspec.structs.replace(client.spec, containers=(msgspec.structs.replace(spec, args=(told,)),))
    )
    servers = [
        pod(f"{name}-{n}", state("srv", RUNNING, ready=True), node=node) for name in ("db", "mq") for n in (0, 1, 2)
    ]
    labelled = [
        msgspec.structs.replace(
            item, metadata=msgspec.structs.replace(item.metadata, labels={"app": item.name.split("-")[0]})
        )
        for item in servers
    ]
    services = [
        project(
            KINDS["Service"], {"metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": {"app": name}}}
        )
        for name in ("db", "mq")
    ]
    plan = choose_logs([client], now=NOW)
    log = ContainerLog(namespace="shop", pod="web", container="app", is_previous=True, lines=said)
    objects = {"Pod": (client, *labelled), "Service": tuple(services)}
    picture = Snapshot(cluster="", taken_at=NOW, namespace="shop", objects=objects, logs=(log,))
    return [(item.pod, item.since_s) for item in choose_server_logs(picture, plan, **options).requests]


def test_the_servers_that_a_log_blames_are_read_too_and_then_those_that_it_is_told_of() -> None:
    blames = "dial tcp: connect to db:5432: connection reset by peer"
    assert server_logs(blames, told="amqp://mq:5672") == [("db-0", 600), ("db-1", 600), ("mq-0", 600), ("mq-1", 600)]
    assert server_logs(blames) == [("db-0", 600), ("db-1", 600)]


def test_servers_that_nobody_in_trouble_names_are_not_read() -> None:
    assert server_logs("panic: runtime error") == []
    assert server_logs("cannot reach db:5432 for no known reason at all") == []


def test_servers_are_read_within_the_limit_and_not_on_silent_nodes() -> None:
    blames = "dial tcp: connect to db:5432: connection reset by peer"
    assert server_logs(blames, max_logs=3) == [("db-0", 600)]
    assert server_logs(blames, node="gone", silent_nodes={"gone"}) == []
