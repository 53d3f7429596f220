"""Containers with the settings of compose.yaml, for one command or to go on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.image.compose import COMPOSE, Run, Service
from tests.image.engine import Engine
from tests.image.stage import free_port


@contextmanager
def composed(
    engine: Engine, home: Path, files: tuple[Path, ...], more: Mapping[str, str]
) -> Iterator[tuple[Run, dict[str, str]]]:
    """The arguments and the environment; the folders are there, and the volumes go with the block."""
    environ = {"HOME": str(home), "KUBEAGENTIX_PORT": str(free_port()), **more}
    run = Service(files, environ, project=f"kx-test-{os.getpid()}-once").run(engine.host_gateway)
    for folder in run.folders:
        if not folder.exists():  # as Docker does, also for a file
            folder.mkdir()
    try:
        yield run, environ
    finally:
        engine.remove(run.volumes)


def in_compose(engine: Engine, home: Path, *command: str, files: tuple[Path, ...] = (COMPOSE,), **more: str) -> str:
    """What a command prints."""
    with composed(engine, home, files, more) as (run, environ):
        return engine.run(*run.arguments, command=command, environ=environ)
