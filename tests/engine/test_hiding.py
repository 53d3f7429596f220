"""`anonymize`: over the demo cluster with all tools called, a model gets no name of it, and everybody else all of them.

The planted names are all that the cluster has: objects, namespaces, nodes, addresses, images, hosts. What may be left
is said in so many words: what every cluster has (`KEPT`), and words of sentences that objects are also named after.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.anonymizing.vocabulary import KEPT
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import (
    ModelEvent,
    Notice,
    RunFinished,
    RunRecord,
    TextDelta,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.engine import quick
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.testing import ScriptedProvider, scripted_plugin

KUBECTL = str(Path(sys.executable).parent / "kubectl")
SCENARIOS = (
    *("database-disk-full", "crash-missing-variable", "crash-refused-connection", "ingress-certificate-expired"),
    *(
        "image-tag-not-found",
        "role-lacks-verb",
        "egress-policy-without-dns",
        "init-waits-for-service",
        "quota-exceeded",
    ),
    *("cron-job-failing", "stateful-set-ordinal", "webhook-denied", "node-kubelet-stopped", "config-map-edited"),
)
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("list_namespaces", {}),
    ("list_unhealthy", {"namespace": "all"}),
    *(
        ("list_resources", {"kind": kind, "namespace": "all", "wide": True})
        for kind in ("pod", "service", "ingress", "node")
    ),
    ("describe_resource", {"name": "statefulset/ledger-db", "namespace": "records"}),
    ("get_resource", {"name": "deploy/balances", "namespace": "banking"}),
    ("get_events", {"namespace": "all"}),
    ("pod_logs", {"pod": "deploy/transfers", "namespace": "banking"}),
    ("pod_logs", {"pod": "deploy/checkout", "namespace": "orders"}),
    ("network_path", {"target": "svc/balances", "namespace": "banking"}),
    ("service_dependencies", {"name": "deploy/balances", "namespace": "banking"}),
    ("rollout_history", {"name": "deploy/balances", "namespace": "banking"}),
    ("can_i", {"verb": "get", "resource": "pods", "service_account": "default", "namespace": "banking"}),
    ("top_nodes", {}),
    ("top_pods", {"namespace": "all"}),
    ("query_metrics", {"query": "up"}),
    ("run_quickdx", {}),
    *(
        ("kubectl", {"command": command})
        for command in (
            *("get pods -A -o wide", "get all -A", "describe pods -n banking", "describe nodes", "get events -A"),
            *("get deploy,cm,sa,role,rolebinding,netpol,ing -A -o yaml", "get pod ledger-db-0 -n records -o json"),
            *("get pod nobody-1 -n nowhere", "get endpoints -A"),
        )
    ),
    ("search_result", {"result_id": "r22", "pattern": "banking"}),
)
# Words of sentences, here and in our own prompts, that namespaces or objects of these scenarios are also named after.
WORDS = {
    "records",
    "search",
    "account",
    "content",
    "compute",
    "proxy",
    "labels",
    "edge",
    "audit",
    "calls",
    "support",
    "edit",
}


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo(*SCENARIOS) as running:
        yield running
    kx.use(None)


def planted(picture: Snapshot) -> set[str]:
    """All that there is to give away."""
    found = {picture.cluster, "registry.example.com", "example.com"}
    for kind, items in picture.objects.items():
        if kind not in ("Event", "APIService", "CustomResourceDefinition"):
            found |= {item.name for item in items} | {item.namespace for item in items}
    for pod in picture.all(Pod):
        found |= {pod.status.pod_ip, pod.status.host_ip}
        found |= {item.image.rpartition(":")[0] for item in pod.spec.containers if "registry.example.com" in item.image}
    public = ("system:", "kindnet", "kube-proxy", "coredns", "metrics-server")
    return {name for name in found if name and name not in KEPT and not name.startswith(public)}


def given_away(text: str, names: set[str]) -> dict[str, str]:
    """Names that stand in a text, with where."""
    found = {}
    for name in names:
        match = re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text)
        if match is not None:
            found[name] = text[max(0, match.start() - 40) : match.end() + 20]
    return found


def named(text: str, name: str) -> bool:
    """Whether a word stands in a text as the name of something."""
    at = rf"(?:\b(?:namespace|Namespace|Deployment|Service|Pod) |/|-n |name: |namespace: |\n){re.escape(name)}"
    return bool(re.search(rf"{at}(?:[ ]{{2}}|/|\.svc|$|\n|')", text))


def sent(provider: ScriptedProvider) -> str:
    """All that went out, as one text."""
    said = []
    for request in provider.requests[-1:]:
        said += [request.system, str(request.tools)]
        for message in request.messages:
            said += [repr(replace(part, id="") if isinstance(part, ToolCall) else part) for part in message.parts]
    return "\n".join(said).replace("\\n", "\n")


def hiding(conversation: Conversation, name: str, arguments: dict[str, Any], number: int) -> Any:
    """A turn of a model that calls a tool in the words that it was told."""

    def turn(_: ModelRequest) -> list[ModelEvent]:
        hide = conversation.anonymizer.names.hide
        said = {key: hide(value) if isinstance(value, str) else value for key, value in arguments.items()}
        return [ToolCallReady(call=ToolCall(id=f"c{number}", name=name, arguments=said))]

    return [turn]


def run(demo: kx.Demo, provider: ScriptedProvider, conversation: Conversation, **changes: Any) -> list[RunRecord]:
    engine = Engine(
        demo.cluster,
        plugins={"claude": scripted_plugin(provider)},
        environ={**os.environ, "KUBECTL_BINARY": KUBECTL},
        **changes,
    )
    chosen = RunOptions(anonymize=True, max_turns=60, max_tool_calls=60, fallback=False)

    async def records() -> list[RunRecord]:
        return [item async for item in engine.stream("why?", options=chosen, conversation=conversation)]

    return asyncio.run(records())


def test_a_model_gets_no_name_and_everybody_else_gets_all(demo: kx.Demo) -> None:
    conversation = Conversation()
    turns = [hiding(conversation, name, arguments, number) for number, (name, arguments) in enumerate(CALLS)]

    def conclude(_: ModelRequest) -> list[ModelEvent]:
        said = conversation.anonymizer.names.hide("The StatefulSet records/ledger-db is down, at 10.244.2.1.")
        assert "ledger" not in said
        return [TextDelta(text=char) for char in said]

    provider = ScriptedProvider(*turns, [conclude])
    records = run(demo, provider, conversation)
    end = records[-1].event
    assert isinstance(end, RunFinished), end
    assert end.text == "The StatefulSet records/ledger-db is down, at 10.244.2.1."
    ran = [item.event for item in records if isinstance(item.event, ToolCallFinished)]
    assert [(item.call.name, dict(item.call.arguments)) for item in ran] == list(CALLS)
    failed = {item.call.name: item.result.content for item in ran if item.result.is_error}
    assert {*failed} == {"kubectl", "query_metrics"}  # for want of the object, and of Prometheus
    assert '"nowhere" not found' in failed["kubectl"]
    text, names = sent(provider), planted(kx.take_snapshot(demo))
    assert len(text) > 100_000
    assert len(names) > 150
    left = given_away(text, names)
    assert {*left} <= WORDS, {name: where for name, where in left.items() if name not in WORDS}
    assert not [name for name in left if named(text, name)]
    assert '"nowhere" not found' not in text  # what only the API's own message named
    whole = str([item.result.content for item in ran]) + str(conversation.messages)
    for name in ("ledger-db", "banking", "10.244.", "registry.example.com"):
        assert name in whole
    assert not re.search(r"\b(?:ns|deploy|sts)-k\d", whole)


def test_the_same_run_without_it_gives_all_away(demo: kx.Demo) -> None:
    provider = ScriptedProvider([TextDelta(text="done")])
    engine = Engine(demo.cluster, plugins={"claude": scripted_plugin(provider)})
    asyncio.run(engine.run("why?", options=RunOptions(fallback=False)))
    assert len(given_away(sent(provider), planted(kx.take_snapshot(demo)))) > 20


def test_a_structured_answer_has_the_real_names_and_its_citations(demo: kx.Demo) -> None:
    asked: list[str] = []

    def conclude(request: ModelRequest) -> list[ModelEvent]:
        asked.append(request.messages[0].text)
        namespace, workload = re.findall(r"StatefulSet (ns-k\d+)/(sts-k\d+)", asked[0])[0]
        cited = re.findall(r"\be-[0-9a-f]{10}\b", asked[0])[0]
        claim = {"title": f"{workload} is full", "summary": f"in {namespace}", "confidence": 0.9, "evidence": [cited]}
        remedy = f"kubectl -n {namespace} exec {workload}-0 -- df -h"
        answer = {"root_cause": f"{namespace}/{workload} has no disk left", "hypotheses": [claim], "remedies": [remedy]}
        return [ToolCallReady(call=ToolCall(id="a", name="submit_answer", arguments=answer))]

    provider = ScriptedProvider([conclude])
    engine = Engine(demo.cluster, plugins={"claude": scripted_plugin(provider)})
    found = asyncio.run(
        quick.diagnose(engine, Target(namespace="records"), options=RunOptions(anonymize=True, fallback=False))
    )
    assert found.answer is not None
    assert found.answer.root_cause == "records/ledger-db has no disk left"
    assert found.answer.remedies == ("kubectl -n records exec ledger-db-0 -- df -h",)
    assert found.answer.hypotheses[0].title == "ledger-db is full"
    assert found.answer.hypotheses[0].is_supported
    assert found.answer.disagreements == ()
    assert "ledger" not in asked[0]


def test_placeholders_are_the_same_in_the_next_question(demo: kx.Demo) -> None:
    conversation = Conversation()
    provider = ScriptedProvider([TextDelta(text="the disk")])
    run(demo, provider, conversation)
    run(demo, provider, conversation)
    first, second = (request.messages[0].text for request in provider.requests)
    assert first == second
    assert provider.requests[1].messages[1].text == "the disk"


def test_a_setting_turns_it_on_and_an_option_off(demo: kx.Demo) -> None:
    provider = ScriptedProvider([TextDelta(text="done")])
    environ = {"KUBEAGENTIX_ANONYMIZE": "true"}
    engine = Engine(demo.cluster, plugins={"claude": scripted_plugin(provider)}, environ=environ)
    for anonymize in (None, False):
        asyncio.run(engine.run("why?", options=RunOptions(anonymize=anonymize, fallback=False)))
    assert ["ledger-db" in request.messages[0].text for request in provider.requests] == [False, True]


def test_without_findings_a_picture_is_taken_for_the_names(demo: kx.Demo) -> None:
    provider = ScriptedProvider([TextDelta(text="done")])
    engine = Engine(demo.cluster, plugins={"claude": scripted_plugin(provider)})
    records: list[RunRecord] = []
    chosen = RunOptions(anonymize=True, fallback=False)
    question = "is checkout fine?"
    asyncio.run(engine.run(question, options=chosen, with_findings=False, told=records.append))
    assert re.fullmatch(r"is \w+-k1 fine\?", provider.requests[0].messages[0].text)
    assert any(isinstance(item.event, Notice) and item.event.code == "anonymized" for item in records)
