"""What a program says of where it listens."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.listening import loopback_only
from kubeagentix.domain.pods import Pod
from kubeagentix.testing import log_of, snapshot_of


def said(log: str = "", **container: Any) -> str:
    manifest = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "app", **container}]}}
    snapshot = snapshot_of(manifest, logs=[log_of("p", "app", log)] if log else [])
    (pod,) = snapshot.all(Pod)
    return loopback_only(snapshot, pod, pod.spec.containers[0])


@pytest.mark.parametrize(
    "line",
    [
        " * Running on http://127.0.0.1:5000",
        "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "Server listening at http://localhost:3000",
        '{"level":"info","msg":"listening","addr":"127.0.0.1:8080"}',
        "[INFO] Listening on [::1]:9000",
    ],
)
def test_servers_say_so_in_their_logs(line: str) -> None:
    assert line.strip()[:40] in said(f"booting\n{line}")


@pytest.mark.parametrize(
    "log",
    [
        "connecting to redis on 127.0.0.1:6379",
        "listening on 0.0.0.0:8080",
        "Running on all addresses (0.0.0.0)\nRunning on http://127.0.0.1:5000",
        "listening on 10.127.0.0.1",
    ],
)
def test_other_talk_of_that_address_is_another_matter(log: str) -> None:
    assert said(log) == ""


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["httpd", "-f", "-p", "127.0.0.1:8080"]},
        {"args": ["--bind=127.0.0.1:8000"]},
        {"args": ["--listen-address", "localhost"]},
        {"env": [{"name": "HOST", "value": "127.0.0.1"}]},
        {"env": [{"name": "APP_BIND_ADDR", "value": "127.0.0.1:80"}]},
    ],
)
def test_commands_and_variables_tell_them_to(container: dict[str, Any]) -> None:
    assert "only its own pod reaches" in said(**container)


@pytest.mark.parametrize(
    "container",
    [
        {"args": ["--db", "127.0.0.1:5432"]},
        {"args": ["-p", "8080"]},
        {"env": [{"name": "REDIS_HOST", "value": "127.0.0.1"}]},
        {"args": ["--bind", "0.0.0.0:80", "--admin-bind", "127.0.0.1:81"]},
    ],
)
def test_what_they_call_is_not_where_they_listen(container: dict[str, Any]) -> None:
    assert said(**container) == ""
