"""`anonymize` over every real client: the bodies that a server receives hold no name, tools run on the real ones."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import ThinkingDelta, ToolCallFinished, ToolCallReady
from kubeagentix.engine import quick
from tests.engine.test_wires import CHANNEL, CLIENTS, Client, engine, finished, options, records_of, serving
from tests.servers.turns import Call, Say, Think
from tests.servers.wire import Recorded, WireServer

every = pytest.mark.parametrize("client", CLIENTS, ids=str)
NAMES = re.compile(
    r"(?<![^\W_])(?:banking|balances|transfers|statements|ledger|worker-\d|example\.com|10\.\d+\.\d+\.\d+)(?![^\W_])"
)
QUESTION = "why are balances down in namespace banking?"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kx.demo("database-disk-full") as demo:
        yield demo.cluster
    kx.use(None)


def in_markup(name: str, arguments: dict[str, Any]) -> str:
    told = "".join(f'<parameter name="{key}">{value}</parameter>\n' for key, value in arguments.items())
    return f'<function_calls>\n<invoke name="{name}">\n{told}</invoke>\n</function_calls>'


def call(client: Client, name: str, arguments: dict[str, Any]) -> list[Any]:
    if (CHANNEL, "cli") in client.settings:
        return [Say(in_markup(name, arguments), piece=3)]
    return [Call(f"{client.prefix}{name}", arguments)]


def hidden_in(body: Any, pattern: str) -> Any:
    """What a model reads in a body, in which JSON may stand in texts."""
    found = re.findall(pattern, str(body))
    assert found, str(body)[:2000]
    return found[0]


def bodies(server: WireServer) -> str:
    return "\n".join(json.dumps(request.body, ensure_ascii=False) for request in server.requests)


@every
def test_a_server_gets_no_name_and_the_tools_run_on_all(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    def look(request: Recorded) -> list[Any]:
        namespace = hidden_in(request.body, r"in namespace (ns-k\d+)\?")
        thought: list[Any] = [] if client.wired.name == "openai-chat" else [Think(f"it is {namespace}")]
        return [*thought, Say("I look. "), *call(client, "list_unhealthy", {"namespace": namespace})]

    def logs(request: Recorded) -> list[Any]:
        namespace, workload = hidden_in(request.body, r"Deployment (ns-k\d+)/(deploy-k\d+)")
        return call(client, "pod_logs", {"pod": f"deploy/{workload}", "namespace": namespace})

    def tell(request: Recorded) -> list[Any]:
        namespace, workload = hidden_in(request.body, r"Deployment (ns-k\d+)/(deploy-k\d+)")
        return [Say(f"In {namespace}, {workload} cannot reach its database.", piece=2)]

    with serving(client) as server:
        server.script(look, logs, tell)
        chosen = options(client, anonymize=True)
        records = asyncio.run(records_of(engine(client, cluster, server, tmp_path), chosen, QUESTION))
        received = bodies(server)
    end = finished(records)
    calls = [item.event for item in records if isinstance(item.event, ToolCallFinished)]
    assert [item.result.is_error for item in calls] == [False, False]
    assert [dict(item.call.arguments) for item in calls] == [
        {"namespace": "banking"},
        {"pod": "deploy/balances", "namespace": "banking"},
    ]
    assert end.text.replace("\n", "").endswith("In banking, balances cannot reach its database.")
    assert "banking/balances" in calls[0].result.content
    told = [item.event.call.arguments for item in records if isinstance(item.event, ToolCallReady)]
    assert {"namespace": "banking"} in [dict(item) for item in told]
    thoughts = "".join(item.event.text for item in records if isinstance(item.event, ThinkingDelta))
    assert thoughts in ("", "it is banking")
    assert not NAMES.search(received), NAMES.findall(received)
    assert len(received) > 10_000
    assert not re.search(r"\b(?:ns|deploy)-k\d", repr(records))


@every
def test_an_answer_of_quick_dx_comes_back_in_real_names(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    def conclude(request: Recorded) -> list[Any]:
        namespace, workload = hidden_in(request.body, r"StatefulSet (ns-k\d+)/(sts-k\d+)")
        cited = re.findall(r"\be-[0-9a-f]{10}\b", str(request.body))[0]
        claim = {"title": f"{workload} is full", "summary": "s", "confidence": 0.9, "evidence": [cited]}
        answer = {"root_cause": f"{workload} in {namespace} has no disk left", "hypotheses": [claim], "remedies": []}
        if (CHANNEL, "cli") in client.settings:
            return [Say("```json\n" + json.dumps(answer) + "\n```", piece=5)]
        return [Call(f"{client.prefix}submit_answer", answer)]

    with serving(client) as server:
        server.script(conclude, then=[Say("")])
        asked = engine(client, cluster, server, tmp_path)
        dx = asyncio.run(quick.diagnose(asked, Target(), options=options(client, anonymize=True)))
        received = bodies(server)
    assert dx.answer is not None, (dx.notes, dx.attempts)
    assert dx.answer.root_cause == "ledger-db in records has no disk left"
    assert dx.answer.hypotheses[0].is_supported
    assert not NAMES.search(received), NAMES.findall(received)
