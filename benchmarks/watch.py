"""Watch mode under load: a synthetic cluster in its own process changes all the time, and is followed from here.

Once a second a pod is made that cannot pull its image, and is taken away a minute later; its name holds the moment,
so the lag runs from the write in the server's store to the answer that tells of it. A third and two thirds on, the
server forgets its history (410 for every stream); every 20 seconds it cuts all connections.

    python benchmarks/watch.py                        # 10,000 pods, 200 changes a second all over, two minutes
    python benchmarks/watch.py --share 0.05           # the same changes in a twentieth of the namespaces
    python benchmarks/watch.py --pods 1000 --seconds 20 --json
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.synthetic import synthetic_cluster
from kubeagentix.cluster.connection import connect
from kubeagentix.demo.server import DemoServer
from kubeagentix.demo.store import Store, rfc3339
from kubeagentix.domain.diagnosis import Target
from kubeagentix.quickdx.watching import Watched, Watching

MARKER, MARKER_S = "marker-", 60.0
CUT_EVERY_S = 20.0
# Of ten changes: two pods are replaced, two turn unready or ready again (after some seconds, as with a slow probe), two
# are annotated by somebody else, two events count up, a node gives a sign of life, a Deployment's status is written.
MIX = ("replaced", "replaced", "ready", "ready", "annotated", "annotated", "Event", "Event", "Node", "Deployment")
UNREADY = 100  # pods at a time


class Churn:
    """Writes to a store at a rate, in a share of its namespaces."""

    def __init__(self, store: Store, *, share: float, seed: int = 0) -> None:
        self._store, self._chance = store, random.Random(seed)
        spaces = sorted({obj["metadata"]["namespace"] for obj in self._all("Pod")})
        self._spaces = set(self._chance.sample(spaces, max(1, round(len(spaces) * share))))
        self._keys = {kind: self._found(kind) for kind in ("Pod", "Event", "Node", "Deployment")}
        self._markers: list[tuple[float, str, str]] = []
        self._unready: list[tuple[str, str]] = []
        self.count = 0

    def _all(self, kind: str) -> Sequence[dict[str, Any]]:
        return self._store.peek_all(self._store.catalog.named(kind))

    def _found(self, kind: str) -> list[tuple[str, str]]:
        metadata = [obj["metadata"] for obj in self._all(kind)]
        return [
            (item.get("namespace", ""), item["name"])
            for item in metadata
            if kind == "Node" or item["namespace"] in self._spaces
        ]

    def step(self) -> None:
        """One change."""
        what = self._chance.choice(MIX)
        kind = what if what in self._keys else "Pod"
        place = self._chance.randrange(len(self._keys[kind]))
        obj = self._store.get(kind, *self._keys[kind][place])
        if obj is None or (what in ("replaced", "ready") and not _is_ready(obj)):
            return
        self.count += 1
        now = rfc3339(self._store.now())
        if what == "replaced":
            self._keys[kind][place] = self._replace(obj, now)
        elif what == "ready":
            self._turn(obj, now)
        else:
            _written(obj, what, now, self.count)
            self._store.put(obj)

    def _replace(self, pod: dict[str, Any], now: str) -> tuple[str, str]:
        metadata = pod["metadata"]
        self._store.delete("Pod", metadata["namespace"], metadata["name"])
        for name in ("uid", "resourceVersion"):
            metadata.pop(name, None)
        metadata |= {"name": f"{metadata['name'].rsplit('-', 1)[0]}-{self.count:05d}", "creationTimestamp": now}
        self._store.put(pod)
        return metadata["namespace"], metadata["name"]

    def _turn(self, pod: dict[str, Any], now: str) -> None:
        """The pod is unready now, or the one that has been so for longest is ready again."""
        if len(self._unready) >= UNREADY:
            pod = self._store.get("Pod", *self._unready.pop(0)) or pod
        else:
            self._unready.append((pod["metadata"]["namespace"], pod["metadata"]["name"]))
        is_ready = not _is_ready(pod)
        for condition in pod["status"]["conditions"]:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition |= {"status": str(is_ready), "lastTransitionTime": now}
        pod["status"]["containerStatuses"][0]["ready"] = is_ready
        self._store.put(pod)

    def mark(self) -> None:
        """A pod that is broken from this moment on; the older ones go."""
        space = self._chance.choice(sorted(self._spaces))
        now = time.time()
        name = f"{MARKER}{int(now * 1000)}"
        waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry.example/none:1"'}
        status = {"name": "main", "image": "registry.example/none:1", "ready": False, "restartCount": 0}
        self._store.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": space},
                "spec": {"containers": [{"name": "main", "image": "registry.example/none:1"}]},
                "status": {"phase": "Pending", "containerStatuses": [{**status, "state": {"waiting": waiting}}]},
            }
        )
        self._markers.append((now, space, name))
        while self._markers[0][0] < now - MARKER_S:
            _, space, name = self._markers.pop(0)
            self._store.delete("Pod", space, name)


def _is_ready(pod: dict[str, Any]) -> bool:
    """Whether the pod runs and is ready; one that is broken is left as it is."""
    conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", ())}
    return pod["status"].get("phase") == "Running" and conditions.get("Ready") == "True"


def _written(obj: dict[str, Any], what: str, now: str, count: int) -> None:
    if what == "annotated":
        obj["metadata"].setdefault("annotations", {})["example.com/changed"] = str(count)
    elif what == "Event":
        obj |= {"count": obj.get("count", 1) + 1, "lastTimestamp": now}
    else:
        field = "lastHeartbeatTime" if what == "Node" else "lastUpdateTime"
        for condition in obj.get("status", {}).get("conditions", ()):
            condition[field] = now


async def _serve(options: argparse.Namespace) -> None:
    store = synthetic_cluster(options.pods).store
    server = DemoServer(store)
    for kind in store.catalog:  # so that the first reader does not pay for the encoding
        for obj in store.peek_all(kind) if not kind.is_custom else ():
            store.peek_encoded(kind, obj)
    churn = Churn(store, share=options.share)
    gc.collect()
    gc.freeze()
    await server.start()
    begun = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, begun.set)
    with tempfile.TemporaryDirectory(prefix="kubeagentix-watch-") as folder:
        path = Path(folder) / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(server.kubeconfig())
        print(path, flush=True)
        await begun.wait()
        await _change(server, churn, options)
        print(json.dumps({"changes": churn.count}), flush=True)
        await asyncio.sleep(60)  # until it is ended


async def _change(server: DemoServer, churn: Churn, options: argparse.Namespace) -> None:
    began, second, forgotten = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < options.seconds:
        while churn.count < passed * options.rate:
            churn.step()
        if passed >= second:
            second += 1
            churn.mark()
            if second % CUT_EVERY_S == 0:
                _cut(server)
        if passed >= options.seconds * (forgotten + 1) / 3 and forgotten < 2:
            forgotten += 1
            server.store.forget_history()
        await asyncio.sleep(0.01)


def _cut(server: DemoServer) -> None:
    assert server._runner is not None
    assert server._runner.server is not None
    for connection in tuple(server._runner.server.connections):
        if connection.transport is not None:
            connection.transport.abort()


@contextmanager
def _served(options: argparse.Namespace) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    words = ("--pods", options.pods, "--seconds", options.seconds, "--rate", options.rate, "--share", options.share)
    command = [sys.executable, __file__, "--serve", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.terminate()


def _rss_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def _follow(process: subprocess.Popen[str], kubeconfig: Path, options: argparse.Namespace) -> dict[str, Any]:
    lags: dict[str, float] = {}  # of each marker until it was told of; later more may be found about it
    rss: list[float] = []
    with connect(kubeconfig=kubeconfig) as cluster:
        watching = Watching(Watched(source=cluster, target=Target()))
        began = time.monotonic()
        await watching.start()
        first = await watching.next()
        first_s = time.monotonic() - began
        process.send_signal(signal.SIGUSR1)
        began, cpu, looks = time.monotonic(), time.process_time(), 0
        rss.append(_rss_mb())
        ends_at = began + options.seconds + 5
        with suppress(TimeoutError):
            async with asyncio.timeout(options.seconds + 5):
                while time.monotonic() < ends_at:
                    update = await watching.next()
                    looks += 1
                    now = time.time()
                    names = {item.ref.name for item in update.difference.new if item.ref.name.startswith(MARKER)}
                    lags |= {name: now - int(name.removeprefix(MARKER)) / 1000 for name in names if name not in lags}
                    rss += [_rss_mb()] if len(rss) == 1 and time.monotonic() - began > options.seconds / 2 else []
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        rss.append(_rss_mb())
        counts = watching.counts
        await watching.close()
    return {
        "pods": options.pods,
        "changes_per_s": options.rate,
        "share_of_namespaces": options.share,
        "seconds": options.seconds,
        "first_answer_s": round(first_s, 2),
        "first_findings": len(first.diagnosis.findings),
        "markers_shown": len(lags),  # of one a second
        "lag_median_s": round(statistics.median(lags.values()), 2) if lags else None,
        "lag_p99_s": round(sorted(lags.values())[int(len(lags) * 0.99)], 2) if lags else None,
        "updates": looks,
        "cpu_share": round(share, 2),
        "cpu_s_per_update": round(share * options.seconds / max(looks, 1), 2),
        "rss_mb": [round(item) for item in rss],
        "relists": counts.relists,
        "reconnects": counts.reconnects,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=200.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--share", type=float, default=1.0, help="of the namespaces in which something changes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve(options))
        return
    with _served(options) as (process, kubeconfig):
        result = asyncio.run(_follow(process, kubeconfig, options))
        assert process.stdout is not None
        result |= json.loads(process.stdout.readline() or "{}")
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:>22}  {value}")


if __name__ == "__main__":
    main()
