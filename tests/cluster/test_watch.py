"""Keeping up with the demo cluster, which speaks watch as an API server does, through what may befall its streams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kubeagentix.cluster import following
from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.cluster.watch import Watch, WatchOptions
from kubeagentix.demo.mishaps import Struck
from kubeagentix.demo.running import RunningDemo, start_demo
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap
from tests.cluster.conftest import FakeApi, Reply, listing, named

PATIENCE_S = 30.0
QUICK = WatchOptions(read=ReadOptions(with_logs=False), poll_s=0.2, pause_s=(0.02, 0.1), stale_s=0.3, silent_s=30.0)
CHANGES_OF_PODS = "changes of pods in all namespaces"
LIFE_S = 0.2  # of a watch, for it to be no wonder that it ends
PODS = r"GET /api/v1/pods\?.*watch="


@dataclass
class Lab:
    """A demo cluster and a watch of it."""

    demo: RunningDemo
    watch: Watch
    folder: Path

    def put(self, name: str, namespace: str = "shop", **data: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}
        self.demo.store.put({**manifest, "data": data})

    def pod(self, name: str, phase: str = "Running", namespace: str = "shop") -> None:
        self.demo.store.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
                "status": {"phase": phase},
            }
        )

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """The first picture of which it holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(snapshot := self.watch.take()[0]):
                self.watch.plan_logs(snapshot)
                await self.watch.changed()
        return snapshot


@asynccontextmanager
async def lab(
    folder: Path,
    namespace: str | None = None,
    *,
    options: WatchOptions = QUICK,
    prepare: Callable[[RunningDemo], None] = lambda _: None,
    user: str = "admin",
) -> AsyncIterator[Lab]:
    demo = await start_demo(["healthy-web"])
    try:
        prepare(demo)
        path = folder / "kubeconfig"
        path.write_text(demo.server.kubeconfig(user))
        async with connect(kubeconfig=path).watching(namespace, options=options) as watch:
            watch.take()
            yield Lab(demo, watch, folder)
    finally:
        await demo.close()


def in_lab(folder: Path, work: Callable[[Lab], Awaitable[None]], **arguments: Any) -> None:
    async def main() -> None:
        async with lab(folder, **arguments) as made:
            await work(made)
        assert watching_threads() == []

    asyncio.run(main())


def watching_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "kubeagentix watch" in thread.name]


def has(kind: type[Resource], name: str, namespace: str = "shop") -> Callable[[Snapshot], bool]:
    return lambda snapshot: snapshot.get(kind, namespace, name) is not None


def is_in(phase: str, name: str = "web") -> Callable[[Snapshot], bool]:
    def holds(snapshot: Snapshot) -> bool:
        pod = snapshot.get(Pod, "shop", name)
        return pod is not None and pod.status.phase == phase

    return holds


def test_what_is_added_changed_and_deleted_is_seen(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        lab.pod("web", "Pending")
        await lab.until(is_in("Pending"))
        lab.pod("web", "Running")
        await lab.until(is_in("Running"))
        lab.demo.store.delete("Pod", "shop", "web")
        await lab.until(lambda snapshot: snapshot.get(Pod, "shop", "web") is None)
        assert lab.watch.counts.relists == 0

    in_lab(tmp_path, work)


def test_the_picture_is_that_of_a_reading_of_its_own(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        for number in range(30):
            lab.pod(f"web-{number % 10}", ("Pending", "Running", "Failed")[number % 3])
        lab.demo.store.delete("Pod", "shop", "web-3")
        lab.demo.store.delete("Namespace", None, "shop")
        lab.put("last", "default")
        snapshot = await lab.until(has(ConfigMap, "last", "default"))
        with connect(kubeconfig=lab.folder / "kubeconfig") as cluster:
            read = await cluster.read_snapshot(options=QUICK.read)
        names = {kind for kind in KINDS if not kind.endswith("Metrics")}

        def held(picture: Snapshot) -> dict[str, list[tuple[str, str]]]:
            return {
                kind: [(item.namespace, item.name) for item in items]
                for kind, items in picture.objects.items()
                if kind in names
            }

        expected = held(read)
        if held(snapshot) != expected:  # each kind has a stream of its own, so the others may be a moment behind
            snapshot = await lab.until(lambda now: held(now) == expected)
        assert snapshot.gaps == read.gaps

    in_lab(tmp_path, work)


def test_a_watch_that_is_refused_with_410_has_the_kind_listed_anew(tmp_path: Path) -> None:
    def prepare(demo: RunningDemo) -> None:
        demo.faults.fail(PODS, 410, count=2)

    async def work(lab: Lab) -> None:
        lab.pod("web")
        await lab.until(has(Pod, "web"))
        assert lab.watch.counts.relists >= 1

    in_lab(tmp_path, work, prepare=prepare)


def test_an_error_in_the_stream_that_says_410_has_the_kind_listed_anew(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        lab.pod("gone")
        await lab.until(has(Pod, "gone"))
        lab.demo.store.delete("Pod", "shop", "gone")
        lab.demo.store.forget_history()
        lab.pod("web")
        await lab.until(lambda now: has(Pod, "web")(now) and not has(Pod, "gone")(now))
        assert lab.watch.counts.relists > 0

    in_lab(tmp_path, work)


class CutInALine:
    """A watch that tells half of a change and breaks."""

    async def answer(self, struck: Struck) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(struck.request)
        await response.write(b'{"type":"MODIFIED","object":{"metadata":{"name":"web","namesp')
        if struck.request.transport is not None:
            struck.request.transport.abort()
        return response


class Silent:
    """A watch that says nothing at all, as one behind a proxy that has lost its other side."""

    def __init__(self) -> None:
        self.count = 0

    async def answer(self, struck: Struck) -> web.StreamResponse:
        self.count += 1
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(struck.request)
        await asyncio.sleep(PATIENCE_S)
        return response


def test_a_watch_that_breaks_in_the_middle_of_a_line_goes_on_where_it_was(tmp_path: Path) -> None:
    def prepare(demo: RunningDemo) -> None:
        demo.faults.strike(PODS, CutInALine(), count=2)

    async def work(lab: Lab) -> None:
        lab.pod("web")
        await lab.until(has(Pod, "web"))
        assert lab.watch.counts.reconnects >= 2
        assert lab.watch.counts.relists == 0

    in_lab(tmp_path, work, prepare=prepare)


class CutLater:
    """A watch that is cut off after a while in which nothing happened."""

    def __init__(self) -> None:
        self.count = 0

    async def answer(self, struck: Struck) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(struck.request)
        await asyncio.sleep(2 * LIFE_S)
        self.count += 1
        if struck.request.transport is not None:
            struck.request.transport.abort()
        return response


def test_a_quiet_watch_that_is_cut_off_now_and_then_is_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MIN_LIFE_S", LIFE_S)
    cut = CutLater()

    def prepare(demo: RunningDemo) -> None:
        demo.faults.strike(PODS, cut, count=5)

    async def work(lab: Lab) -> None:
        told: list[Gap] = []
        while cut.count < 5:
            told += lab.watch.take()[0].gaps
            lab.put(f"tick-{len(told)}-{cut.count}")
            await lab.watch.changed()
        assert told == []

    in_lab(tmp_path, work, options=replace(QUICK, stale_s=3 * LIFE_S), prepare=prepare)


def test_a_watch_that_is_silent_for_too_long_is_given_up(tmp_path: Path) -> None:
    silent = Silent()

    async def work(lab: Lab) -> None:
        lab.pod("web")
        await lab.until(has(Pod, "web"))
        assert silent.count == 1

    in_lab(
        tmp_path,
        work,
        options=replace(QUICK, silent_s=0.5),
        prepare=lambda demo: silent_once(demo, silent),
    )


def silent_once(demo: RunningDemo, silent: Silent) -> None:
    demo.faults.strike(PODS, silent, count=1)


def test_what_cannot_be_followed_for_long_is_a_gap_until_it_can(tmp_path: Path) -> None:
    def prepare(demo: RunningDemo) -> None:
        demo.faults.fail(PODS, 0)

    async def work(lab: Lab) -> None:
        snapshot = await lab.until(lambda now: bool(now.gaps))
        assert snapshot.gaps[0].what == CHANGES_OF_PODS
        assert snapshot.gaps[0].why.startswith("not seen since ")
        lab.demo.faults.clear()
        lab.pod("web")
        await lab.until(has(Pod, "web"))
        await lab.until(lambda now: not now.gaps)

    in_lab(tmp_path, work, prepare=prepare)


def reader(demo: RunningDemo) -> None:
    """Lets a user in who may list everything, and watch nothing."""
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    demo.store.put(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "reader"},
            "rules": [*rules, {"nonResourceURLs": ["*"], "verbs": ["get"]}],
        }
    )
    demo.store.put(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
        }
    )
    demo.server.add_user("reader")


def test_where_watching_is_forbidden_lists_at_intervals_do_and_it_is_said(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        lab.pod("web")
        await lab.until(has(Pod, "web"))
        snapshot = await lab.until(lambda now: any(gap.what == CHANGES_OF_PODS for gap in now.gaps))
        gap = next(gap for gap in snapshot.gaps if gap.what == CHANGES_OF_PODS)
        assert gap.why.startswith("read every 0.2 s only: 403 ")
        assert gap.why.endswith("ask for watch on pods")
        assert snapshot.was_read(Pod)

    in_lab(tmp_path, work, prepare=reader, user="reader")


def test_a_namespace_that_is_deleted_takes_its_objects_along(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        lab.pod("web")
        await lab.until(has(Pod, "web"))
        lab.demo.store.delete("Namespace", None, "shop")
        await lab.until(lambda now: not now.in_namespace(Pod, "shop"))

    in_lab(tmp_path, work, prepare=with_namespace)


def with_namespace(demo: RunningDemo) -> None:
    demo.store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})


def test_one_namespace_is_watched_alone_with_what_happens_to_nodes(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        lab.pod("elsewhere", namespace="default")
        lab.demo.store.put(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": "node.1", "namespace": "default"},
                "involvedObject": {"kind": "Node", "name": "node-1"},
                "reason": "NodeNotReady",
            }
        )
        lab.pod("web")
        snapshot = await lab.until(lambda now: has(Pod, "web")(now) and "Event" in now.objects and any_node_event(now))
        assert snapshot.get(Pod, "default", "elsewhere") is None

    in_lab(tmp_path, work, namespace="shop", prepare=with_namespace)


def any_node_event(snapshot: Snapshot) -> bool:
    return any(item.name == "node.1" for item in snapshot.objects["Event"])


def test_who_takes_pictures_seldom_gets_the_latest_and_no_queue(tmp_path: Path) -> None:
    async def work(lab: Lab) -> None:
        for number in range(500):
            lab.pod("web", f"phase-{number}")
        lab.put("last")
        await lab.until(is_in("phase-499"))
        for number in range(500):
            lab.pod("web", f"again-{number}")
        lab.pod("end")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await lab.watch.changed()
                snapshot, changes = lab.watch.take()
                assert len(changes) <= 3
                if has(Pod, "end")(snapshot):
                    break
        assert is_in("again-499")(snapshot)

    in_lab(tmp_path, work)


def test_kinds_that_are_defined_meanwhile_are_watched_too(tmp_path: Path) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "caches.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Cache", "plural": "caches", "singular": "cache", "listKind": "CacheList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }

    async def work(lab: Lab) -> None:
        lab.demo.store.put(definition)
        await lab.until(lambda now: "Cache" in now.objects)
        lab.demo.store.put(
            {"apiVersion": "example.com/v1", "kind": "Cache", "metadata": {"name": "hot", "namespace": "shop"}}
        )
        await lab.until(lambda now: [item.name for item in now.objects["Cache"]] == ["hot"])

    in_lab(tmp_path, work)


def test_it_ends_at_once_when_it_is_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def hold() -> None:
            async with lab(tmp_path):
                begun.set()
                await asyncio.sleep(PATIENCE_S)

        task = asyncio.ensure_future(hold())
        await begun.wait()
        assert len(watching_threads()) > 20
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert watching_threads() == []

    asyncio.run(main())


def test_a_renewed_credential_is_used_for_the_next_watch(tmp_path: Path) -> None:
    async def main() -> None:
        demo = await start_demo(["healthy-web"])
        token = tmp_path / "token"
        try:
            text = demo.server.kubeconfig()
            secret = text.rsplit("token: ", 1)[1].strip()
            token.write_text(secret)
            path = tmp_path / "kubeconfig"
            path.write_text(text.replace(f"token: {secret}", f"tokenFile: {token}"))
            options = replace(QUICK, watch_s=(1, 1))
            async with connect(kubeconfig=path).watching(options=options) as watch:
                made = Lab(demo, watch, tmp_path)
                token.write_text(demo.server.renew_token())
                made.pod("web")
                await made.until(has(Pod, "web"))
                made.pod("web", "Failed")
                await made.until(is_in("Failed"))
        finally:
            await demo.close()

    asyncio.run(main())


def line(change: str, **fields: Any) -> bytes:
    return json.dumps({"type": change, "object": fields}).encode() + b"\n"


def test_an_object_that_is_not_readable_is_a_gap_and_the_others_are_kept(api: FakeApi, tmp_path: Path) -> None:
    odd = {"metadata": {"name": "odd", "namespace": "shop", "resourceVersion": "7"}, "spec": {"containers": "none"}}
    fine = named("web", "shop")
    api.on(
        "/api/v1/pods",
        Reply({**listing().body, "metadata": {"resourceVersion": "5"}}),
        Reply(line("ADDED", **odd) + line("ADDED", **fine)),
        Reply(b"", is_hanging=True),
    )

    async def main() -> None:
        options = replace(QUICK, read=replace(QUICK.read, with_logs=False))
        async with connect(kubeconfig=api.kubeconfig(tmp_path)).watching(options=options) as watch:
            async with asyncio.timeout(PATIENCE_S):
                while not has(Pod, "web")(snapshot := watch.take()[0]):
                    await watch.changed()
            assert [gap.what for gap in snapshot.gaps if gap.kind == "Pod"] == ["Pod shop/odd"]
            watched = [seen for seen in api.asked("/api/v1/pods") if "watch" in seen.query]
            assert watched[0].query["resourceVersion"] == "5"
            assert watched[0].query["allowWatchBookmarks"] == "true"

    asyncio.run(main())
