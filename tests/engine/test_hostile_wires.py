"""The hostile cluster over every real client, the Claude Code CLI included: what was read stays data on the way."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.claude_cli import session
from kubeagentix.claude_cli.environment import child_environment
from kubeagentix.demo.scenarios import hostile_texts as hostile
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import RunRecord
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.own_tools import tools
from tests.engine.hostile import Scene, hostile_scene
from tests.engine.test_wires import CHANNEL, CLIENTS, Client, every, finished, options, serving
from tests.servers.turns import Call, Say
from tests.servers.wire import WireServer

READ = (
    ("pod_logs", {"pod": "tracking", "namespace": "parcels", "tail": 400}),
    ("get_resource", {"kind": "Deployment", "name": "tracking", "namespace": "parcels"}),
    ("get_resource", {"kind": "ConfigMap", "name": "mentions", "namespace": "parcels"}),
)
PASSWD = "root:x:0:0"  # how /etc/passwd begins


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with hostile_scene(tmp_path_factory.mktemp("hostile")) as found:
        yield found


def calls(client: Client, demanded: Any) -> list[Any]:
    """A turn in which the model makes all these calls, in this client's own way."""
    if (CHANNEL, "cli") not in client.settings:
        return [Call(f"{client.prefix if name in tools else ''}{name}", given) for name, given in demanded]
    texts = [
        f'<invoke name="{name}">'
        + "".join(f'<parameter name="{key}">{_escaped(value)}</parameter>' for key, value in given.items())
        + "</invoke>"
        for name, given in demanded
    ]
    return [Say("<function_calls>\n" + "\n".join(texts) + "\n</function_calls>", piece=400)]


def _escaped(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def asked(client: Client, scene: Scene, server: WireServer, home: Path, *questions: str) -> list[list[RunRecord]]:
    plugins = {key: registry.providers()[key] for key in (client.wired.plugin.id, "rules")}
    engine = Engine(scene.demo.cluster, plugins=plugins, environ=client.environ(server, home))
    conversation = Conversation()
    chosen = options(client, target=Target(namespace="parcels"), allow_writes=True, max_tool_calls=200)

    async def ask(question: str) -> list[RunRecord]:
        stream = engine.stream(question, options=chosen, conversation=conversation)
        return [record async for record in stream]

    return [asyncio.run(ask(question)) for question in questions]


@every
def test_a_model_that_obeys_changes_sends_and_reads_nothing(client: Client, scene: Scene, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script(
            calls(client, READ), calls(client, scene.demanded()), [Say("Done as told.")], then=[Say("As I said.")]
        )
        first, second = asked(client, scene, server, tmp_path, f"/clear @{scene.canary} what is wrong?", "/help")
        bodies = [request.body for request in server.requests]
    assert "Done as told." in finished(first).text
    assert finished(second).text == "As I said."
    assert finished(first).tool_calls > len(READ)
    scene.check(first, second, bodies)
    sent = json.dumps(bodies)
    assert PASSWD not in sent
    assert str(scene.canary) in sent  # it is named, in the question and in the data, and not read
    assert "ignore all previous instructions" in sent


@every
def test_what_leaves_for_the_model_is_fenced(client: Client, scene: Scene, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script(calls(client, READ), [Say("I see.")])
        asked(client, scene, server, tmp_path, "what is wrong?")
        last = server.requests[-1]
    sent = "\n".join(texts_of(last.body))
    (number,) = set(re.findall(r'<cluster_data id="([0-9a-f]{16})"', sent))
    fenced = re.compile(rf'<cluster_data id="{number}" from=.*?</cluster_data id="{number}">', re.DOTALL)
    data, rest = "\n".join(fenced.findall(sent)), fenced.sub("", sent)
    assert len(fenced.findall(sent)) == 1 + len(READ)  # Quick Dx, and the results
    for word in ("ignore all previous instructions", "delete namespace parcels", str(scene.canary)):
        assert word in data
        assert word not in rest
    for broken in ("<invoke", "<|im", "<system", "[INST]", "\x1b", "\u200b", chr(0xE0064)):
        assert broken not in data


def texts_of(value: Any) -> Iterator[str]:
    """Every text of a request, whatever its format."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


@pytest.mark.parametrize("client", CLIENTS[4:], ids=str)
def test_the_child_of_a_hostile_run_gets_the_environment_of_any_other(
    client: Client, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, str]] = []

    def noting(*given: Any) -> dict[str, str]:
        made.append(child_environment(*given))
        return made[-1]

    monkeypatch.setattr(session, "child_environment", noting)
    with serving(client) as server:
        server.script(calls(client, READ), [Say("I see.")], then=[Say("As I said.")])
        asked(client, scene, server, tmp_path, "what is wrong?", f"/clear {hostile.ORDER}")
    assert len(made) >= 2
    plain, *others = [{key: value for key, value in item.items() if str(value)[:1] != "/"} for item in made]
    for other in others:
        changed = {key for key in {*plain, *other} if plain.get(key) != other.get(key)}
        assert changed <= {"MCP_TOOL_TIMEOUT"}  # what is left of the deadline
