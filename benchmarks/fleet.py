"""Throughput of a fleet: 200 synthetic clusters of 1,000 pods, by where the work is done and by how many workers.

The clusters are served by a few other processes, many in each, and share their objects in memory; each has its own
address, certificate, token and identity. The servers run on the same processors as the workers: what they take of them
is printed beside, and would be elsewhere in life.

    python benchmarks/fleet.py                                     # threads, processes and Dask, with 1, 2, 4 workers
    python benchmarks/fleet.py --clusters 20 --executors processes --workers 2 --json
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from aiohttp import web

import kubeagentix as kx
from benchmarks.synthetic import synthetic_cluster
from kubeagentix.demo.server import DemoServer
from kubeagentix.demo.store import Store

CLUSTERS, PODS, SEEDS, SERVERS = 200, 1_000, 4, 2


class Twin(Store):
    """A store that shares all objects of another one, but for the namespace that says which cluster it is."""

    def __init__(self, of: Store, number: int) -> None:
        super().__init__(now=of.now)
        self.catalog = of.catalog
        self._revision = of.revision
        spaces = of.catalog.named("Namespace").key
        for kept, shared in ((self._objects, of._objects), (self._encoded, of._encoded)):
            kept.update(shared)
            kept[spaces] = dict(shared[spaces])
        self._ordered, self._logs = of._ordered, of._logs
        own = self._objects[spaces]["", "kube-system"]
        self._objects[spaces]["", "kube-system"] = {**own, "metadata": {**own["metadata"], "uid": f"cluster-{number}"}}
        self._encoded[spaces].pop(("", "kube-system"), None)


class Counting(DemoServer):
    """Counts what it answers."""

    requests = sent_bytes = 0

    async def _healthy(self, request: web.Request) -> web.StreamResponse:
        response = await super()._healthy(request)
        Counting.requests += 1
        Counting.sent_bytes += response.content_length or 0
        return response


async def serve(folder: Path, first: int, count: int, pods: int) -> None:
    """Serves clusters until standard input ends; then says what that took."""
    bases = [synthetic_cluster(pods, seed=seed).store for seed in range(min(SEEDS, count))]
    for store in bases:
        for kind in store.catalog:
            for obj in store.peek_all(kind):
                if not kind.is_custom:
                    store.peek_encoded(kind, obj)
    servers = [Counting(Twin(bases[number % len(bases)], number)) for number in range(first, first + count)]
    gc.collect()
    gc.freeze()
    for number, server in enumerate(servers, start=first):
        await server.start()
        (folder / f"cluster-{number:03}").write_text(server.kubeconfig())
    print("ready", flush=True)
    while command := await asyncio.to_thread(sys.stdin.readline):
        del command
        used = resource.getrusage(resource.RUSAGE_SELF)
        told = (used.ru_utime + used.ru_stime, Counting.requests, Counting.sent_bytes)
        print(json.dumps(told), flush=True)


class Fleet:
    """The clusters that other processes serve: a folder of kubeconfigs."""

    def __init__(self, folder: str, clusters: int, pods: int) -> None:
        self.folder = folder
        share = [clusters // SERVERS + (number < clusters % SERVERS) for number in range(SERVERS)]
        firsts = [sum(share[:number]) for number in range(SERVERS)]
        words = [(str(first), str(count), str(pods)) for first, count in zip(firsts, share, strict=True) if count]
        self.servers = [
            subprocess.Popen(
                [sys.executable, __file__, "--serve", folder, *item],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for item in words
        ]
        for server in self.servers:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                raise RuntimeError("the clusters did not start")

    def used(self) -> tuple[float, int, int]:
        """So far: seconds of the processor, requests, bytes of answers."""
        told = []
        for server in self.servers:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write("\n")
            server.stdin.flush()
            told.append(json.loads(server.stdout.readline()))
        return tuple(sum(column) for column in zip(*told, strict=True))  # type: ignore[return-value]

    def close(self) -> None:
        for server in self.servers:
            with suppress(OSError):
                server.stdin.close()  # type: ignore[union-attr]
            server.kill()
            server.wait()


@contextmanager
def place(kind: str, workers: int) -> Iterator[Any]:
    """What `executor=` takes; a Dask cluster is up before the time runs."""
    if kind != "dask":
        yield kind
        return
    from distributed import Client, LocalCluster  # noqa: PLC0415  for whom it is asked

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as engine,
        Client(engine) as client,
    ):
        yield client.get_executor()


def processor_s() -> float:
    """Of this process and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def measure(fleet: Fleet, kind: str, workers: int, rounds: int) -> dict[str, Any]:
    """One row: so many sweeps of the whole fleet."""
    took, results, before, spent = [], 0, fleet.used(), processor_s()
    with place(kind, workers) as executor:
        for _ in range(rounds):
            began = time.perf_counter()
            found = kx.fleet(kubeconfig_dir=fleet.folder, executor=executor, workers=workers, deadline_s=120)
            took.append(time.perf_counter() - began)
            assert not found.unread, found.unread[0].why
            results = sum(len(pickle.dumps(report)) for report in found.reports)
    for thread in threading.enumerate():  # the pool's, which wait for processes that have just ended
        if thread.name == "kubeagentix-fleet":
            thread.join()
    clusters, after = len(found.reports), fleet.used()
    each = clusters * rounds
    return {
        "executor": kind,
        "workers": workers,
        "clusters": clusters,
        "seconds": round(statistics.median(took), 2),
        "clusters_per_s": round(clusters / statistics.median(took), 2),
        "spread": [round(clusters / max(took), 2), round(clusters / min(took), 2)],
        "work_cpu_s_each": round((processor_s() - spent) / each, 3),
        "server_cpu_s_each": round((after[0] - before[0]) / each, 3),
        "requests_each": round((after[1] - before[1]) / each, 1),
        "bytes_each": round((after[2] - before[2]) / each),
        "result_bytes_each": round(results / clusters),
        "incidents": len(found.incidents),
        "home_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, default=CLUSTERS)
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--executors", default="threads,processes,dask")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        folder, *numbers = options.serve
        asyncio.run(serve(Path(folder), *map(int, numbers)))
        return
    with tempfile.TemporaryDirectory(prefix="kubeagentix-fleet-") as folder:
        fleet = Fleet(folder, options.clusters, options.pods)
        try:
            for kind in options.executors.split(","):
                for workers in map(int, options.workers.split(",")):
                    row = measure(fleet, kind, workers, options.rounds)
                    print(json.dumps(row) if options.json else line(row), flush=True)
        finally:
            fleet.close()


def line(row: dict[str, Any]) -> str:
    low, high = row["spread"]
    return (
        f"{row['executor']:<10} {row['workers']} workers: {row['clusters_per_s']:5.2f} clusters/s ({low} to {high}), "
        f"{row['seconds']:.1f} s for {row['clusters']}; per cluster {row['work_cpu_s_each']:.2f} s of the processor, "
        f"{row['server_cpu_s_each']:.2f} s in servers, {row['requests_each']:.0f} requests, "
        f"{row['bytes_each'] / 1e6:.1f} MB, {row['result_bytes_each'] / 1e3:.1f} kB of result; "
        f"{row['incidents']} incidents, {row['home_peak_mb']} MB at home"
    )


if __name__ == "__main__":
    main()
