"""Answers beyond all measure: endless logs, a crowded namespace, objects as large as they may be.

Each is read in a fresh process, whose memory is then known; the server makes the bytes while it sends them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.demo.mishaps import Crowded, Flooded
from tests.faults.apart import surfaces_apart
from tests.faults.table import Section
from tests.faults.telling import tell
from tests.faults.world import NAMESPACE, World, a_world

BOUND_S = 60  # of all surfaces, one after the other
LOG_BYTES, OBJECTS = 500_000_000, 50_000
EVENT: dict[str, Any] = {
    "metadata": {"namespace": NAMESPACE, "creationTimestamp": "2026-01-15T10:00:00Z"},
    "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": "gone"},
    "type": "Normal",
    "reason": "Scheduled",
    "message": "Successfully assigned it to a node" + " and said so at length" * 20,
    "lastTimestamp": "2026-01-15T10:00:00Z",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(autouse=True)
def _healed(world: World) -> Iterator[None]:
    yield
    world.heal()


def large_objects(world: World) -> None:
    """A ConfigMap and annotations of the size that etcd takes at most, and JSON as deep as nobody writes it."""
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"deeper": deep}
    large = {"namespace": NAMESPACE, "annotations": {f"bomb.example/{number}": "x" * 200_000 for number in range(7)}}
    for number in range(20):
        world.store.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"namespace": NAMESPACE, "name": f"large-{number}"},
                "data": {"all": "x" * 1_500_000},
            }
        )
        world.store.put(
            {"apiVersion": "v1", "kind": "Service", "metadata": {**large, "name": f"bomb-{number}"}, "spec": deep}
        )


def log_of_lines(world: World) -> None:
    world.faults.strike("/log", Flooded(size_bytes=LOG_BYTES))


def log_of_one_line(world: World) -> None:
    world.faults.strike("/log", Flooded(size_bytes=LOG_BYTES, line_bytes=0))


def crowd(world: World) -> None:
    world.faults.strike(rf"GET /api/v1/(namespaces/{NAMESPACE}/)?events\?", Crowded(template=EVENT, count=OBJECTS))


LOGS, LISTS = ("adiagnose", "tool pod_logs"), ("adiagnose", "tool list_resources")


@pytest.mark.parametrize(
    ("fault", "inject", "surfaces", "bound_mb"),
    [
        ("a log of 500 MB in lines", log_of_lines, (*LOGS, "tool kubectl"), 300),
        ("a log of 500 MB without a line break", log_of_one_line, LOGS, 300),
        ("a namespace with 50,000 events", crowd, LISTS, 400),
        ("ConfigMaps of 1.5 MB, annotations of 1.4 MB, 400 levels deep", large_objects, LISTS, 300),
    ],
)
def test_memory_is_bounded_whatever_is_sent(
    fault: str,
    inject: Callable[[World], None],
    surfaces: tuple[str, ...],
    bound_mb: float,
    world: World,
    table: Section,
    temporary: Path,
) -> None:
    inject(world)
    world.kubectl = f"logs {world.pod} -n {NAMESPACE}"
    told, ended, peak_mb = surfaces_apart(world, surfaces, temporary)
    assert peak_mb < bound_mb
    assert ended.elapsed_s < BOUND_S
    assert list(temporary.iterdir()) == []
    tell(table, fault, told, bound=f"≤ {bound_mb} MB (kubectl itself not counted), ≤ {BOUND_S} s")
