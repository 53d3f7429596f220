"""What every test gets: a scrubbed environment, and no network but loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from tests.scrubbing import scrub
from tests.workers import ByFile, in_turn

FORBID_SKIPS = os.environ.get("KUBEAGENTIX_FORBID_SKIPS") == "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What runs the container half of the matrix; without an image it is left out."""
    group = parser.getgroup("kubeagentix")
    group.addoption("--image", metavar="NAME", default="", help="also run the matrix of logins in this image")
    group.addoption("--engine", default="", help="what runs it, with options of its own (default: docker or podman)")
    group.addoption("--engine-args", default="", help="arguments of its `run`, as one word")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells in so many words when skips were forbidden and some happened; see pytest_sessionfinish."""
    if skips_are_forbidden(terminalreporter.config):
        terminalreporter.write_line("FORBIDDEN SKIPS: every part these tests need must be there", red=True)


def pytest_xdist_auto_num_workers() -> int:
    """How many `-n auto` makes: one for each processor."""
    return os.cpu_count() or 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Shares the tests among them."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts them in the order in which they are best begun."""
    items.sort(key=in_turn)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where KUBEAGENTIX_FORBID_SKIPS is set (CI with a real cluster at hand), a skipped test fails the run."""
    if skips_are_forbidden(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def skips_are_forbidden(config: pytest.Config) -> bool:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return bool(FORBID_SKIPS and reporter and reporter.stats.get("skipped"))


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scrub(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "static")


@pytest.fixture(autouse=True)
def _current_cluster() -> Iterator[None]:
    """Whatever cluster a test makes the current one is so for that test alone."""
    before = kx.current()
    yield
    kx.use(before)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
