"""The rows, each run once for all of its cells; in containers where `--image` names one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from tests.matrix.stage import AT_ONCE, Engine, Stage, Told
from tests.matrix.table import MODES, ROWS, Place, Row

_ENVIRON = dict(os.environ)  # as whoever runs the tests has it: an engine finds its images by it


class Matrix:
    """All rows that the tests to come ask for, begun as soon as the first of them does."""

    def __init__(self, stage: Stage, wanted: list[tuple[Place, Row]], pool: ThreadPoolExecutor) -> None:
        self.stage = stage
        self._wanted = wanted
        self._pool = pool
        self._runs: dict[tuple[Place, str], Future[Told]] = {}

    def told(self, place: Place, row: Row) -> Told:
        """What came of a row there."""
        if not self._runs:  # not before: another worker's tests may be all that ask
            self._runs = {(at, each.name): self._pool.submit(self.stage.run, at, each) for at, each in self._wanted}
        return self._runs[place, row.name].result()


def places(config: pytest.Config) -> list[Place]:
    return ["host", "container"] if config.getoption("--image") else ["host"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each cell of those that its arguments span."""
    for name, values in (("place", places(metafunc.config)), ("row", ROWS), ("mode", MODES)):
        if name in metafunc.fixturenames:
            ids = [value if isinstance(value, str) else value.name for value in values]
            metafunc.parametrize(name, values, ids=ids)


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = dict.fromkeys((call["place"], call["row"].name) for call in calls if {"place", "row"} <= {*call})
    by_name = {row.name: row for row in ROWS}
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(engine_of(request.config)))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        yield Matrix(stage, [(place, by_name[name]) for place, name in wanted], pool)


def engine_of(config: pytest.Config) -> Engine | None:
    """The engine that the options name, or the one that has the image."""
    image = config.getoption("--image")
    if not image:
        return None
    named = config.getoption("--engine") or next(filter(partial(has, image), ("docker", "podman")), "")
    assert named, f"neither docker nor podman has the image {image}"
    return Engine(
        image=image,
        words=shlex.split(named),
        arguments=shlex.split(config.getoption("--engine-args")),
        environ=_ENVIRON,
    )


def has(image: str, engine: str) -> bool:
    """Whether that engine is there and has the image."""
    if shutil.which(engine) is None:
        return False
    asked = subprocess.run([engine, "image", "inspect", image], env=_ENVIRON, capture_output=True, check=False)
    return asked.returncode == 0
