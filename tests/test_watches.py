"""`kx.watch`, on the demo cluster."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.cluster.connection import Cluster
from kubeagentix.demo.running import start_demo
from kubeagentix.demo.store import Store
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import Listener, StageChanged
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.quickdx.rerunning import Rerunning
from kubeagentix.quickdx.watching import Update, Watched, Watching
from kubeagentix.testing import snapshot_of

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = kx.current()
    yield
    kx.use(before)


def on_demo(folder: Path, work: Callable[[Store], Awaitable[None]], *scenarios: str) -> None:
    """Runs `work` beside a demo cluster, which becomes the current one."""

    async def main() -> None:
        running = await start_demo(scenarios)
        try:
            with kx.connect(kubeconfig=running.write_kubeconfig(folder / "kubeconfig")):
                async with asyncio.timeout(PATIENCE_S):
                    await work(running.store)
        finally:
            await running.close()

    asyncio.run(main())


def break_a_pod(store: Store, namespace: str) -> str:
    """Makes the image of a running pod vanish, as far as its status says; its name."""
    pod: dict[str, Any] = next(item for item in store.list("Pod", namespace) if item["status"]["phase"] == "Running")
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    pod["status"]["containerStatuses"][0].update(ready=False, state={"waiting": waiting})
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"
    store.put(pod)
    return str(pod["metadata"]["name"])


def test_the_first_update_is_the_answer_and_later_ones_tell_what_is_new_and_gone(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        async with aclosing(kx.watch(all_namespaces=True)) as updates:
            first = await anext(updates)
            assert {item.reason for item in first.difference.new} >= {"CrashLoopBackOff/Panic"}
            assert first.difference.gone == ()
            name = break_a_pod(store, "ingress-nginx")
            second = await anext(updates)
            while not any(item.reason == "ImagePullBackOff" for item in second.difference.new):
                second = await anext(updates)
            assert second.changes >= 1
            store.delete("Pod", "ingress-nginx", name)
            third = await anext(updates)
            while not any(item.reason == "ImagePullBackOff" for item in third.difference.gone):
                third = await anext(updates)
            expected = await kx.adiagnose(all_namespaces=True, history=False)
            assert [item.id for item in third.diagnosis.findings] == [item.id for item in expected.findings]
            assert [item.id for item in third.diagnosis.hypotheses] == [item.id for item in expected.hypotheses]

    on_demo(tmp_path, work, "crash-panic", "healthy-web")
    assert not [thread for thread in threading.enumerate() if "kubeagentix watch" in thread.name]


def test_a_namespace_that_is_blamed_is_followed_too(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        async with aclosing(kx.watch(namespace="banking")) as updates:
            update = await anext(updates)
            expected = await kx.adiagnose(namespace="banking", history=False)
            assert [item.id for item in update.diagnosis.findings] == [item.id for item in expected.findings]
            assert ("records", "StatefulSet") in places(update)
            for kind in ("StatefulSet", "Pod"):
                for item in store.list(kind, "records"):
                    store.delete(kind, "records", item["metadata"]["name"])
            while ("records", "StatefulSet") in places(update):
                update = await anext(updates)

    def places(update: Update) -> set[tuple[str, str]]:
        return {(item.ref.namespace, item.ref.kind) for item in update.diagnosis.findings}

    on_demo(tmp_path, work, "database-disk-full")


def test_a_look_that_is_broken_off_ends_and_the_next_one_tells_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(_: Rerunning, snapshot: Snapshot, chosen: object, listen: Listener) -> None:
        begun.set()
        try:
            while True:
                listen(StageChanged(stage="analyze", done=0, total=1))
        finally:
            ended.set()

    async def work(store: Store) -> None:
        source = kx.current()
        assert isinstance(source, Cluster)
        watching = Watching(Watched(source=source, target=Target()))
        await watching.start()
        first = await watching.next()
        name = break_a_pod(store, "portal")
        with monkeypatch.context() as patched:
            patched.setattr(Rerunning, "_run_parts", endless)
            looking = asyncio.create_task(watching.next())
            await asyncio.to_thread(begun.wait, PATIENCE_S)
            looking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await looking
            assert await asyncio.to_thread(ended.wait, PATIENCE_S)
        store.delete("Pod", "portal", name)
        break_a_pod(store, "portal")
        update = await watching.next()
        while {item.id for item in update.diagnosis.findings} == {item.id for item in first.diagnosis.findings}:
            update = await watching.next()
        expected = await kx.adiagnose(all_namespaces=True, history=False)
        while [item.id for item in update.diagnosis.findings] != [item.id for item in expected.findings]:
            update = await watching.next()
        await watching.close()

    on_demo(tmp_path, work, "crash-panic", "healthy-web")


def test_a_target_that_vanishes_is_told_and_may_come_again(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        async with aclosing(kx.watch("deploy/limiter", namespace="edge")) as updates:
            assert (await anext(updates)).diagnosis.hypotheses
            gone = store.delete("Deployment", "edge", "limiter")
            assert gone is not None

            async def until(holds: Callable[[Update], bool]) -> None:
                async for update in updates:
                    if holds(update):
                        return

            await until(lambda update: any("limiter" in gap.what for gap in update.diagnosis.gaps))
            store.put(gone)
            await until(lambda update: not update.diagnosis.gaps)

    on_demo(tmp_path, work, "crash-panic")


def test_a_target_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    async def work(_store: Store) -> None:
        with pytest.raises(NotFoundError, match="there is no Deployment 'nobody'"):
            async for _ in kx.watch("deploy/nobody", namespace="edge"):
                pass

    on_demo(tmp_path, work, "crash-panic")
    assert not [thread for thread in threading.enumerate() if "kubeagentix watch" in thread.name]


def test_a_snapshot_cannot_be_watched() -> None:
    async def main() -> None:
        async for _ in kx.watch(cluster=snapshot_of()):
            pass

    with pytest.raises(UsageError, match="a saved snapshot does not change"):
        asyncio.run(main())
