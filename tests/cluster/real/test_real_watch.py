"""A real cluster is watched: what kubectl makes and removes is seen, and no kind is refused or falls behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import pytest

from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.cluster.watch import Watch, WatchOptions
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap
from tests.cluster.real.lab import KUBECONFIG, kubectl

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster"),
]
PATIENCE_S = 60.0


async def until(watch: Watch, holds: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(snapshot := watch.take()[0]):
            await watch.changed()
    return snapshot


def test_what_kubectl_does_is_seen_also_by_watches_that_end_and_begin_anew() -> None:
    name = f"watched-{uuid.uuid4().hex[:5]}"

    def size_of(snapshot: Snapshot) -> int | None:
        found = snapshot.get(ConfigMap, "default", name)
        return found.size_bytes if found is not None else None

    async def main() -> None:
        options = WatchOptions(read=ReadOptions(with_logs=False), watch_s=(1, 2), pause_s=(0.1, 1.0))
        with connect(kubeconfig=KUBECONFIG) as cluster:
            async with cluster.watching(options=options) as watch:
                await asyncio.to_thread(kubectl, "-n", "default", "create", "configmap", name, "--from-literal=a=b")
                first = size_of(await until(watch, lambda now: size_of(now) is not None))
                async with asyncio.timeout(PATIENCE_S):
                    while not watch.counts.reconnects:  # noqa: ASYNC110  each lasts for a second or two
                        await asyncio.sleep(0.05)
                patch = '{"data":{"a":"a longer value"}}'
                await asyncio.to_thread(kubectl, "-n", "default", "patch", "configmap", name, "-p", patch)
                await until(watch, lambda now: size_of(now) not in (None, first))
                await asyncio.to_thread(kubectl, "-n", "default", "delete", "configmap", name)
                last = await until(watch, lambda now: size_of(now) is None)
                assert not [gap for gap in last.gaps if gap.what.startswith("changes of ")]

    asyncio.run(main())
