"""A synthetic cluster of any size: a thousandth of it made by the demo's control plane, the rest stamped from that.

A tenth as many nodes as pods, four events a pod, a Service, ConfigMap and Secret for every five, namespaces of a
hundred pods, objects of the size that real ones have. One pod in a hundred is broken, in eight ways in turn, each with
its truth. The same seed gives the same cluster. What objects have in common is shared, so 100,000 pods fit into memory.

    python benchmarks/synthetic.py --pods 10000    # serves it; prints the path of a kubeconfig, truths.json beside it
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.prototypes import APP, BROKEN, HEALTHY, Prototype
from benchmarks.stamping import Fill, managed_fields, pattern
from kubeagentix.cluster.logs import choose_logs
from kubeagentix.cluster.projections import decode_page, gc_paused
from kubeagentix.cluster.sharing import SharedParts
from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.kit import populate
from kubeagentix.demo.server import DemoServer
from kubeagentix.demo.store import LogLine, Manifest, Store
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

PODS, PODS_PER_NODE, PODS_PER_NAMESPACE, BROKEN_SHARE = 10_000, 10, 100, 0.01
_SPACE = "q0space"
_BASE_NODES = 3
_CONTROLLER = "kube-controller-manager"
_WRITERS: Mapping[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "Pod": ((_CONTROLLER, "", ("metadata", "spec")), ("kubelet", "status", ("status",))),
    "Node": (("kubelet", "", ("metadata", "spec")), ("kubelet", "status", ("status",))),
    "Deployment": (("helm", "", ("metadata", "spec")), (_CONTROLLER, "status", ("status",))),
    "ReplicaSet": ((_CONTROLLER, "", ("metadata", "spec")), (_CONTROLLER, "status", ("status",))),
    "EndpointSlice": ((_CONTROLLER, "", ("metadata", "addressType", "endpoints", "ports")),),
    "Event": (("kubelet", "", ("involvedObject", "reason", "message", "type", "source", "count")),),
    "Service": (("helm", "", ("metadata", "spec")),),
    "ConfigMap": (("helm", "", ("metadata", "data")),),
    "Secret": (("helm", "", ("metadata", "data", "type")),),
}


@dataclass(frozen=True, slots=True)
class Planted:
    """One thing that is broken: the object that an answer has to name, and the reason."""

    kind: str
    namespace: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """The cluster and what is broken in it."""

    store: Store
    planted: tuple[Planted, ...]


@dataclass(slots=True)
class _Bundle:
    """What one prototype came to, with holes for names, addresses and ids."""

    prototype: Prototype
    fills: list[Fill]
    uids: int
    logs: list[tuple[int, str, bool, Sequence[LogLine]]]  # of which pod and container, and whether of its last run
    pods: list[Fill] = field(default_factory=list)  # their names


def synthetic_cluster(
    pods: int = PODS,
    *,
    seed: int = 0,
    now: datetime | None = None,
    broken_share: float = BROKEN_SHARE,
    pods_per_namespace: int = PODS_PER_NAMESPACE,
) -> Synthetic:
    """A store with about `pods` pods (five of the system's own among them), in seconds."""
    store = Store(now=lambda: now or datetime.now(UTC))
    with gc_paused():
        return _cluster(pods, seed, now or datetime.now(UTC), store, (broken_share, pods_per_namespace))


def _cluster(pods: int, seed: int, at: datetime, store: Store, shape: tuple[float, int]) -> Synthetic:
    broken_share, pods_per_namespace = shape
    grown = _grow(at)
    broken = max(round(pods * broken_share), min(len(BROKEN), pods // 20))
    base = _base(grown, store)
    healthy = (pods - broken - base) // HEALTHY[0].pods
    chosen = [BROKEN[number % len(BROKEN)] for number in range(broken)]
    chosen += [HEALTHY[number % 4 == 0] for number in range(healthy)]
    random.Random(seed).shuffle(chosen)
    nodes = max(pods // PODS_PER_NODE, _BASE_NODES + 1)
    _add_nodes(grown, store, nodes)
    spaces = max(1, round(pods / pods_per_namespace))
    _add_namespaces(grown, store, spaces)
    bundles = {item.id: _bundle(grown, item) for item in (*HEALTHY, *BROKEN)}
    planted = _add_applications(store, [bundles[item.id] for item in chosen], nodes=nodes, spaces=spaces, seed=seed)
    return Synthetic(store=store, planted=planted)


def synthetic_snapshot(
    pods: int = PODS, *, seed: int = 0, now: datetime | None = None, **shape: Any
) -> tuple[Snapshot, Synthetic]:
    """What Quick Dx would read of that cluster, without a server between. `shape`: see `synthetic_cluster`."""
    at = now or datetime.now(UTC)
    cluster = synthetic_cluster(pods, seed=seed, now=at, **shape)
    store, objects, parts = cluster.store, {}, SharedParts()
    for name, kind in KINDS.items():
        served = store.catalog.at(kind.group, kind.versions[0], kind.plural)
        found = store.peek_all(served) if served is not None else ()
        encoded = b",".join(bytes(store.peek_encoded(served, obj)) for obj in found) if served is not None else b""
        objects[name] = decode_page(kind, b'{"items":[%b]}' % encoded).items
        parts.share(objects[name])
    plan = choose_logs((item for item in objects["Pod"] if isinstance(item, Pod)), now=at)
    logs = []
    for wanted in plan.requests:
        lines = store.log(wanted.namespace, wanted.pod, wanted.container, wanted.is_previous)
        if lines:
            logs.append(
                ContainerLog(
                    namespace=wanted.namespace,
                    pod=wanted.pod,
                    container=wanted.container,
                    is_previous=wanted.is_previous,
                    lines=tuple(line for _, line in lines),
                )
            )
    picture = Snapshot(
        cluster="synthetic",
        server_version="v1.34.2",
        taken_at=at,
        objects=objects,
        logs=tuple(logs),
        gaps=plan.gaps,
    )
    return picture, cluster


def _grow(at: datetime) -> Store:
    """A small cluster with one application of each sort, each in a namespace of its own."""
    store = Store(now=lambda: at)
    populate(
        store,
        [
            ScenarioPlugin(id=item.id, title="", family="", namespace=f"{_SPACE}-{item.id}", build=item.build)
            for item in (*HEALTHY, *BROKEN)
        ],
    )
    return store


def _objects(grown: Store, is_meant: Any) -> list[Manifest]:
    return [obj for kind in grown.catalog for obj in grown.peek_all(kind) if is_meant(obj)]


def _base(grown: Store, store: Store) -> int:
    """The system's own objects, but for its DaemonSets, which would need a pod on each node; how many pods."""

    def is_meant(obj: Manifest) -> bool:
        metadata = obj["metadata"]
        owners = [owner["kind"] for owner in metadata.get("ownerReferences") or ()]
        of_daemon = obj["kind"] == "DaemonSet" or "DaemonSet" in owners
        named = [metadata["name"], metadata.get("namespace", "")]
        is_daemons = obj["kind"] == "PodMetrics" and metadata["name"].startswith(("kube-proxy-", "kindnet-"))
        return not (of_daemon or is_daemons or any(name.startswith(_SPACE) for name in named))

    kept = _objects(grown, is_meant)
    fills, _ = _holed([item for item in kept if item["kind"] != "Event"])
    values = {f"u{number}": _uid(0xFFFFFFFF, number) for number in range(len(kept))}
    store.load(fill(values) for fill in fills)
    return sum(item["kind"] == "Pod" for item in kept)


def _uid(instance: int, number: int) -> str:
    return f"{instance:08x}-{number:04x}-4000-8000-{instance * 65537 + number:012x}"


def _holed(objects: Sequence[Manifest]) -> tuple[list[Fill], Mapping[str, int]]:
    """Patterns of objects, with holes for their uids; and which is whose."""
    uids = {obj["metadata"]["uid"]: number for number, obj in enumerate(objects)}
    known = re.compile("|".join(map(re.escape, uids)))
    fills = []
    for obj in objects:
        text = known.sub(lambda found: f"<<u{uids[found[0]]}>>", json.dumps(_with_fields(obj)))
        fills.append(pattern(json.loads(text)))
    return fills, uids


def _with_fields(obj: Manifest) -> Manifest:
    writers = _WRITERS.get(obj["kind"])
    if not writers:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "managedFields": managed_fields(obj, *writers)}}


def _add_nodes(grown: Store, store: Store, count: int) -> None:
    for kind in ("Node", "NodeMetrics"):
        text = json.dumps(_with_fields(grown.list(kind)[-1]))  # worker-2
        address = re.search(r'"InternalIP", "address": "([^"]+)"', text)
        for old, new in (
            ("worker-2", "<<node>>"),
            *(((address[1], "<<host>>"),) if address else ()),
        ):
            text = text.replace(old, new)
        text = re.sub(r'"uid": "[^"]+"', '"uid": "<<uid>>"', text)
        text = re.sub(r"10\.244\.\d+\.0/24", "<<cidr>>", text)
        text = re.sub(r'"zone-\w"', '"<<zone>>"', text)
        fill = pattern(json.loads(text))
        store.load(
            fill({**_node(number), "uid": _uid(0xFFFFFFF0 + len(kind) % 16, number)})
            for number in range(_BASE_NODES, count)
        )


def _node(number: int) -> dict[str, str]:
    return {
        "node": f"node-{number:05d}",
        "host": f"172.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
        "cidr": f"100.{64 + (number >> 8)}.{number & 255}.0/24",
        "zone": f"zone-{'abc'[number % 3]}",
    }


def _space(number: int) -> str:
    return f"team-{number:04d}"


_SPACE_KINDS = ("Namespace", "ServiceAccount")


def _is_of_space(obj: Manifest) -> bool:
    return obj["kind"] in _SPACE_KINDS or obj["metadata"]["name"] == "kube-root-ca.crt"


def _add_namespaces(grown: Store, store: Store, count: int) -> None:
    name = f"{_SPACE}-{HEALTHY[0].id}"

    def is_meant(obj: Manifest) -> bool:
        return _is_of_space(obj) and name in (obj["metadata"]["name"], obj["metadata"].get("namespace"))

    objects = json.loads(json.dumps(_objects(grown, is_meant)).replace(name, "<<ns>>"))
    fills, _ = _holed(objects)
    for number in range(count):
        values = {f"u{index}": _uid(0xF0000000 + number, index) for index in range(len(fills))}
        store.load([fill({**values, "ns": _space(number)}) for fill in fills])


def _bundle(grown: Store, prototype: Prototype) -> _Bundle:
    space = f"{_SPACE}-{prototype.id}"

    def is_meant(obj: Manifest) -> bool:
        is_here = obj["metadata"].get("namespace") == space and not _is_of_space(obj)
        return is_here and (obj["kind"] != "Event" or prototype.truth is not None or _is_usual(obj))

    objects = _objects(grown, is_meant)
    pods = [obj for obj in objects if obj["kind"] == "Pod"]
    by_uid = {pod["metadata"]["uid"]: number for number, pod in enumerate(pods)}
    holed = [_with_places(_with_fields(obj), pods, by_uid) for obj in objects]
    texts = [_with_names(json.dumps(obj), space) for obj in holed]
    fills, uids = _holed([json.loads(text) for text in texts])
    logs = [
        (number, container["name"], is_previous, lines)
        for number, pod in enumerate(pods)
        for container in pod["spec"]["containers"]
        for is_previous in (False, True)
        if (lines := grown.log(space, pod["metadata"]["name"], container["name"], is_previous))
    ]
    names = [pattern(pod["metadata"]["name"].replace(APP, "<<app>>")) for pod in pods]
    return _Bundle(prototype, fills, len(uids), logs, names)


def _is_usual(event: Manifest) -> bool:
    """One of the four events that every healthy pod has."""
    about = event["involvedObject"]
    return about["kind"] == "Pod" and "proxy" not in about.get("fieldPath", "")


def _with_places(obj: Manifest, pods: Sequence[Manifest], by_uid: Mapping[str, int]) -> Manifest:
    """Holes for a pod's node and addresses, in it and in what speaks of it."""
    about = obj["metadata"]["uid"] if obj["kind"] == "Pod" else (obj.get("involvedObject") or {}).get("uid", "")
    if about in by_uid:
        return _of_pod(obj, pods[by_uid[about]], by_uid[about])
    if "endpoints" in obj:  # of a slice
        return {**obj, "endpoints": [_of_target(item, pods, by_uid) for item in obj["endpoints"] or ()]}
    if "subsets" in obj:
        return {**obj, "subsets": [_of_subset(item, pods, by_uid) for item in obj["subsets"] or ()]}
    return obj


def _of_subset(subset: Manifest, pods: Sequence[Manifest], by_uid: Mapping[str, int]) -> Manifest:
    return {
        key: [_of_target(item, pods, by_uid) for item in value] if key.lower().endswith("addresses") else value
        for key, value in subset.items()
    }


def _of_target(part: Manifest, pods: Sequence[Manifest], by_uid: Mapping[str, int]) -> Manifest:
    number = by_uid.get((part.get("targetRef") or {}).get("uid", ""))
    return _of_pod(part, pods[number], number) if number is not None else part


def _of_pod(part: Manifest, pod: Manifest, number: int) -> Manifest:
    status = pod.get("status") or {}
    places = (("node", pod["spec"].get("nodeName")), ("host", status.get("hostIP")), ("ip", status.get("podIP")))
    text = json.dumps(part)
    for hole, value in places:
        if value:
            text = re.sub(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\d)", f"<<{hole}{number}>>", text)
    made: Manifest = json.loads(text)
    return made


def _with_names(text: str, space: str) -> str:
    """Holes for names, container ids, and how many nodes the scheduler speaks of."""
    text = text.replace(space, "<<ns>>").replace(APP, "<<app>>")
    text = re.sub(r"containerd://[0-9a-f]{8}", "containerd://<<i>>", text)
    text = text.replace("0/3 nodes", "0/<<nodes>> nodes").replace("3 Preemption is", "<<nodes>> Preemption is")
    return text.replace("2 Insufficient cpu", "<<workers>> Insufficient cpu").replace("2 No pre", "<<workers>> No pre")


def _add_applications(
    store: Store, bundles: Sequence[_Bundle], *, nodes: int, spaces: int, seed: int
) -> tuple[Planted, ...]:
    planted, placed, total = [], 0, sum(item.prototype.pods for item in bundles)
    for number, bundle in enumerate(bundles):
        space, app = _space(min(placed * spaces // total, spaces - 1)), f"{bundle.prototype.id}-{number}"
        values = {"ns": space, "app": app, "i": f"{number:08x}", "nodes": str(nodes), "workers": str(nodes - 1)}
        values |= {f"u{index}": _uid(number + 1 + seed * 7919, index) for index in range(bundle.uids)}
        for index in range(len(bundle.pods)):
            place = _node(_BASE_NODES + placed % (nodes - _BASE_NODES))
            values |= {f"node{index}": place["node"], f"host{index}": place["host"]}
            values[f"ip{index}"] = f"10.{128 + (placed >> 16)}.{placed >> 8 & 255}.{placed & 255}"
            placed += 1
        store.load([fill(values) for fill in bundle.fills])
        for index, container, is_previous, lines in bundle.logs:
            store.set_log(space, bundle.pods[index](values), container, lines, is_previous)
        truth = bundle.prototype.truth
        if truth is not None:
            planted.append(Planted(truth.kind, space, truth.name.replace(APP, app), truth.reason))
    return tuple(planted)


@dataclass(frozen=True, slots=True)
class Served:
    """A synthetic cluster that another process serves."""

    kubeconfig: Path
    planted: tuple[Planted, ...]
    pid: int


@contextmanager
def served(pods: int = PODS, *, seed: int = 0) -> Iterator[Served]:
    """Serves one in a process of its own, for as long as the block runs."""
    command = [sys.executable, __file__, "--pods", str(pods), "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            kubeconfig = Path(process.stdout.readline().strip())
            if not kubeconfig.is_file():
                raise RuntimeError("the synthetic cluster did not start")
            truths = json.loads((kubeconfig.parent / "truths.json").read_text())
            yield Served(kubeconfig, tuple(Planted(**item) for item in truths), process.pid)
        finally:
            process.terminate()


async def _serve(pods: int, seed: int) -> None:
    cluster = synthetic_cluster(pods, seed=seed)
    server = DemoServer(cluster.store)
    for kind in cluster.store.catalog:  # so that the first reader does not pay for the encoding
        for obj in cluster.store.peek_all(kind):
            if not kind.is_custom:
                cluster.store.peek_encoded(kind, obj)
    gc.collect()
    gc.freeze()
    await server.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with tempfile.TemporaryDirectory(prefix="kubeagentix-synthetic-") as folder:
        (Path(folder) / "truths.json").write_text(json.dumps([asdict(item) for item in cluster.planted]))
        kubeconfig = Path(folder) / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(server.kubeconfig())
        print(kubeconfig, flush=True)
        await stopped.wait()
    await server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.pods, options.seed))


if __name__ == "__main__":
    main()
