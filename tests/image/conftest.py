"""The image that `--image` names, started as compose.yaml says, beside a demo cluster of the host."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import kubeagentix as kx
from tests.image.compose import COMPOSE, Service
from tests.image.engine import Engine, until
from tests.image.stage import SCENARIO, SECRETS, Lab, answers, forwarded, free_port, put_home

_MEASURED: list[str] = []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without an image there is nothing to run these with."""
    needs_one = collection_path.name.startswith("test_") and collection_path.name != "test_compose.py"
    return True if needs_one and not config.getoption("--image") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what was measured."""
    for line in _MEASURED:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine.of(request.config)
    _MEASURED.append(f"image: {engine.inspect('image', engine.image)['Size'] / 1e6:.0f} MB")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def cluster(engine: Engine) -> Iterator[Path]:
    """The kubeconfig of a demo cluster on the host's 127.0.0.1, to which the containers' way to the host leads."""
    with kx.demo(SCENARIO) as running:
        path = Path(running.kubeconfig)
        port = urlsplit(re.findall(r"server: (\S+)", path.read_text())[0]).port
        assert port
        with forwarded(engine.gateway, port):
            yield path


@pytest.fixture(scope="session")
def lab(engine: Engine, cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    put_home(home, cluster.read_text())
    environ = {**SECRETS, "HOME": str(home), "KUBEAGENTIX_PORT": str(port)}
    run = Service([COMPOSE], environ, project=f"kx-test-{os.getpid()}").run(engine.host_gateway)
    begun = time.monotonic()
    container = engine.start(*run.arguments, command=run.command, environ=environ)
    try:
        until(lambda: answers(port), lambda: engine.logs(container))
        _MEASURED.append(f"JupyterLab answers {time.monotonic() - begun:.1f} s after `run`")
        token = re.findall(r"token: (\S+)", cluster.read_text())[0].strip("\"'")
        yield Lab(container=container, home=home, port=port, cluster=token)
    finally:
        engine.close()
        engine.remove(run.volumes)
