"""The API server: slow, overloaded, breaking, or something else altogether.

Each fault meets every surface, side by side, and each of them has to keep what it has and say what it has not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubeagentix.cluster import client
from kubeagentix.demo.mishaps import Broken, Delayed, Dropped, Refused, Replaced, Truncated
from tests.faults.leftovers import nothing_left
from tests.faults.surfaces import SURFACES
from tests.faults.table import Section
from tests.faults.telling import tell
from tests.faults.world import World, a_world

PODS, ALL = "GET .*/pods", "."
PATIENCE_S = 4.0  # where a fault takes all the time there is


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(autouse=True)
def _healed(world: World) -> Iterator[None]:
    yield
    world.heal()


def at(moment: timedelta) -> datetime:
    return datetime.now(UTC) + moment


PASSING: dict[str, Callable[[World], object]] = {
    "nothing (for comparison)": lambda world: None,
    "429 once for everything, Retry-After 1": lambda world: world.faults.fail(ALL, 429, probability=0.3, count=6),
}
LASTING: dict[str, Callable[[World], object]] = {
    "503 for pods": lambda world: world.faults.fail(PODS, 503),
    "500 for everything": lambda world: world.faults.fail(ALL, 500),
    "429 for everything, Retry-After 3600": lambda world: world.faults.fail(ALL, 429, retry_after_s=3600),
    "429 for everything, without Retry-After": lambda world: world.faults.fail(ALL, 429, retry_after_s=None),
    "429 for pods, Retry-After a date": lambda world: world.faults.strike(
        PODS, Refused(status=429, retry_after=at(timedelta(hours=1)))
    ),
    "reset (RST) at every request for pods": lambda world: world.faults.strike(PODS, Dropped(is_reset=True)),
    "half an answer for pods, by Content-Length": lambda world: world.faults.strike(PODS, Broken()),
    "half an answer for pods, chunked": lambda world: world.faults.strike(PODS, Broken(framing="chunked")),
    "half an answer for pods, then RST": lambda world: world.faults.strike(PODS, Broken(is_reset=True)),
    "truncated JSON for pods, status 200": lambda world: world.faults.strike(PODS, Truncated()),
    "truncated JSON for everything, status 200": lambda world: world.faults.strike(ALL, Truncated()),
    "a login page for everything, status 200": lambda world: world.faults.strike(ALL, Replaced()),
    "a login page for pods, status 200": lambda world: world.faults.strike(PODS, Replaced()),
    "JSON for pods that calls itself text/html": lambda world: world.faults.strike(PODS, Replaced(body=None)),
    "the metrics API down, 503": lambda world: world.faults.fail("/apis/metrics.k8s.io", 503),
}
SLOW: dict[str, Callable[[World], object]] = {
    "pods: the first byte after 10 minutes": lambda world: world.faults.strike(PODS, Delayed(first_byte_s=600)),
    "pods: a byte a second": lambda world: world.faults.strike(PODS, Delayed(bytes_per_s=1)),
}


@pytest.mark.parametrize("fault", [*PASSING, *LASTING, *SLOW])
def test_every_surface_says_what_it_could_not_read(
    fault: str, world: World, table: Section, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.patience_s = PATIENCE_S if fault in SLOW else 30.0
    monkeypatch.setenv("KUBEAGENTIX_DEADLINE_S", str(world.patience_s))
    monkeypatch.setattr(client, "BACKOFF_S", 0.02)  # it tries again as often, and sooner
    (PASSING | LASTING | SLOW)[fault](world)
    began = time.monotonic()
    with nothing_left(temporary), ThreadPoolExecutor(len(SURFACES)) as threads:
        told = dict(zip(SURFACES, threads.map(lambda use: use(world, temporary), SURFACES.values()), strict=True))
    bound_s = 5 * PATIENCE_S if fault in SLOW else 30
    assert time.monotonic() - began < bound_s
    tell(table, fault, told, bound=f"≤ {bound_s:g} s")
