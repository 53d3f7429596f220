"""`payload`: what is shown is what a real server, or the real CLI, then gets for the same question; nothing is sent."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.claude_cli import finding
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.payloads import HIDDEN, Payload
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.engine import quick
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.errors import NotFoundError
from tests.engine.test_wires import CHANNEL, CLIENTS, Client, engine, options, serving
from tests.servers.turns import Say

QUESTION = "why is banking down?"
HTTP, PROGRAMS = CLIENTS[:4], CLIENTS[4:]


@pytest.fixture(scope="module")
def picture() -> Iterator[Snapshot]:
    with kx.demo("database-disk-full") as demo:
        yield kx.take_snapshot(demo)
    kx.use(None)


def plain(value: Any) -> str:
    """Without what is drawn anew for each run: ids and the private folder."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = re.sub(r'"(request_)?id": ("[^"]*"|\d+)', '"id": 0', text)
    return re.sub(r"kubeagentix-claude-\w+", "folder", text)


async def shown_then_asked(asked: Engine, chosen: Any, server: Any) -> Payload:
    conversation = Conversation()  # the same, for the marks around data
    payload = await asked.payload(QUESTION, options=chosen, conversation=conversation)
    assert server.requests == []
    assert len(conversation) == 0
    await asked.run(QUESTION, options=chosen, conversation=conversation)
    assert payload is not None
    return payload


@pytest.mark.parametrize("anonymize", [False, True])
@pytest.mark.parametrize("client", HTTP, ids=str)
def test_an_http_request_is_shown_as_a_server_then_gets_it(
    client: Client, anonymize: bool, picture: Snapshot, tmp_path: Path
) -> None:
    with serving(client) as server:
        server.script([Say("It is the disk.")])
        asked = engine(client, picture, server, tmp_path)  # type: ignore[arg-type]
        payload = asyncio.run(shown_then_asked(asked, options(client, anonymize=anonymize), server))
        (received,) = server.requests
    assert payload.body == received.body
    assert payload.to == f"POST {server.base_url.removesuffix('/v1')}{received.path}"
    assert {*payload.headers} == {*received.headers}
    differing = {name for name, value in payload.headers.items() if value != received.headers[name]}
    assert {payload.headers[name] for name in differing} == {HIDDEN}
    assert client.token in str(received.headers)
    assert client.token not in str(payload)
    assert ("ledger-db" in str(payload)) is not anonymize
    assert (payload.provider, payload.credential_source) == (client.wired.plugin.id, "the request")


def watched(tmp_path: Path) -> Path:
    """The real CLI behind a program that writes down all that it is given."""
    path = tmp_path / "claude"
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then exec "{finding.bundled_path()}" --version; fi\n'
        f'env -0 > "{tmp_path}/environ"\n'
        f'for word in "$@"; do printf "%s\\0" "$word"; done > "{tmp_path}/arguments"\n'
        f'case "$*" in *--system-prompt-file*) cp "$TMPDIR/../system-prompt" "{tmp_path}/prompt";; esac\n'
        f'tee "{tmp_path}/stdin" | "{finding.bundled_path()}" "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("client", PROGRAMS, ids=str)
def test_a_program_is_shown_with_all_that_it_then_gets(client: Client, picture: Snapshot, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script([Say("It is the disk.")])
        environ = {**client.environ(server, tmp_path), "CLAUDE_CODE_CLI_PATH": str(watched(tmp_path))}
        plugins = {key: registry.providers()[key] for key in (client.wired.plugin.id, "rules")}
        asked = Engine(picture, plugins=plugins, environ=environ)
        payload = asyncio.run(shown_then_asked(asked, options(client), server))
    assert payload.to == str(tmp_path / "claude")
    arguments = (tmp_path / "arguments").read_text().split("\0")[:-1]
    assert plain(list(payload.arguments)) == plain(arguments)
    names = {line.partition("=")[0] for line in (tmp_path / "environ").read_text().split("\0") if line}
    assert names - {"PWD", "OLDPWD", "_", "SHLVL"} == {*payload.environ}
    assert [*payload.files.values()] == [(tmp_path / "prompt").read_text()]
    written = (tmp_path / "stdin").read_text()
    if (CHANNEL, "cli") in client.settings:
        assert payload.stdin == (written,)
    else:
        received = sorted(plain(json.loads(line)) for line in written.splitlines())
        assert sorted(plain(line) for line in payload.stdin) == received
        assert any("pod_logs" in line for line in received)  # our tools, which the CLI asks for
    assert client.token not in str(payload)


def test_quick_dx_is_shown_with_its_own_question(picture: Snapshot, tmp_path: Path) -> None:
    client = HTTP[0]
    with serving(client) as server:
        asked = engine(client, picture, server, tmp_path)  # type: ignore[arg-type]
        payload = asyncio.run(quick.payload(asked, Target(namespace="banking"), options=options(client)))
        assert server.requests == []
    assert payload is not None
    assert "Find the root cause" in str(payload.body["messages"])
    assert "submit_answer" in [tool["name"] for tool in payload.body["tools"]]


def test_where_no_model_is_asked_there_is_nothing_to_show(picture: Snapshot) -> None:
    asked = Engine(picture, provider="rules", environ={})
    assert asyncio.run(asked.payload("why?")) is None
    assert asyncio.run(quick.payload(asked, Target())) is None


def test_what_a_run_would_fail_with_is_raised(tmp_path: Path) -> None:
    client = HTTP[0]
    with kx.demo("database-disk-full") as demo, serving(client) as server:
        asked = engine(client, demo.cluster, server, tmp_path, namespace="nowhere")
        with pytest.raises(NotFoundError, match="nowhere"):
            asyncio.run(asked.payload("why?", options=options(client)))
    kx.use(None)


def test_what_is_shown_is_not_kept(picture: Snapshot, tmp_path: Path) -> None:
    class History:
        def begin(self, **_: Any) -> None:
            raise AssertionError("a run that is only shown is begun in the history")

    client = HTTP[0]
    with serving(client) as server:
        asked = engine(client, picture, server, tmp_path, history=History())  # type: ignore[arg-type]
        assert asyncio.run(asked.payload(QUESTION, options=options(client))) is not None


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    bare = Payload(
        to="POST http://x/?key=dummy-1", headers={"a": "dummy-1"}, body={"b": ["dummy-1", 5]}, stdin=("dummy-1",)
    )
    payload = bare.of(provider="p", model="m", credential_source="s", secret="dummy-1")
    assert "dummy-1" not in str(payload)
    assert payload.body == {"b": [HIDDEN, 5]}
    assert json.loads(str(payload))["to"] == f"POST http://x/?key={HIDDEN}"
