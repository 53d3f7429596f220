"""A kernel that is restarted in mid-run leaves a history that opens, holds no lock, and can be gone on with."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

import kubeagentix as kx
from kubeagentix.recall import Transcript
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say
from tests.servers.wire import WireServer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # not our sockets
CHAT = "import kubeagentix as kx\nreply = kx.chat({question!r}, cluster=kx.load({broken!r}), provider='openai'{more})"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        yield running


@pytest.fixture
def kernel() -> Iterator[tuple[Any, Any]]:
    manager, client = start_new_kernel(kernel_name="python3", env=dict(os.environ))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def await_words_of_the_answer(path: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists():
            with closing(sqlite3.connect(path)) as file:
                try:
                    found = file.execute("SELECT max(length(payload)) FROM events WHERE kind = 'text_delta'").fetchone()
                except sqlite3.OperationalError:  # it is being made
                    found = None
            if found and (found[0] or 0) > 100:
                return
        time.sleep(0.05)
    raise AssertionError("the run did not get to its answer")


def test_a_kernel_that_is_restarted_in_mid_run_loses_no_whole_turn(
    server: WireServer, kernel: tuple[Any, Any], broken: str
) -> None:
    manager, client = kernel
    server.script(
        [Say("let me look"), Call("list_namespaces")], [Say("word " * 2000, pause_s=0.02)], then=[Say("gone on")]
    )
    client.execute(CHAT.format(question="why?", broken=broken, more=""))
    await_words_of_the_answer(kx.history.path)
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=60)

    with closing(sqlite3.connect(kx.history.path, timeout=0, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")  # nobody holds it
        file.execute("ROLLBACK")
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [entry.state for entry in kx.history.list()] == ["interrupted"]
    kept = kx.history.show()
    assert isinstance(kept, Transcript)
    assert kept.conversation.runs[0].answer.startswith("let me lookword word")

    more = ", conversation=kx.history.resume()"
    answer = client.execute_interactive(
        CHAT.format(question="go on", broken=broken, more=more), user_expressions={"text": "reply.text"}, timeout=60
    )
    assert answer["content"]["user_expressions"]["text"]["data"]["text/plain"] == "'gone on'"
    sent = json.dumps(server.requests[-1].body)
    assert "let me look" in sent
    assert "list_namespaces" in sent
    assert "word word" not in sent  # a turn that was cut short
    assert [(entry.state, entry.runs) for entry in kx.history.list()] == [("finished", 2)]
