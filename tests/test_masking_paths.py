"""Credentials planted all over a cluster, and every path on which anything leaves: none of them comes out."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.cli.app import main
from kubeagentix.demo.store import Store
from kubeagentix.domain import codec
from kubeagentix.domain.events import RunRecord, ToolCallFinished
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from tests.planted import PLANTED, P, W
from tests.servers.turns import Call, Say
from tests.servers.wired import WIRED, Wired
from tests.spans import exporter

NAMESPACE, POD, DEPLOYMENT = "notifications", "leaky-0", "mailer"


OWN = re.compile(r"hunter\d+-Zq7x")
# What only a whole line or two tells is no credential behind other words, as where kubectl prints a table.
ON_A_LINE_OF_ITS_OWN = ("passphrase, yaml", "pair, reversed")
PHRASE = "correct horse battery"
WORDS = [chr(ord("a") + number) * 3 for number in range(20)]


@dataclass(frozen=True)
class Plant:
    """A text with a credential, put in one place of the cluster; `values` are this place's own."""

    place: str
    kind: str
    text: str
    values: tuple[str, ...]


class Gardener:
    """Plants the corpus, each time with other passwords, so that no place is covered by what was learned at another."""

    def __init__(self) -> None:
        self.plants: list[Plant] = []

    def texts(self, place: str, *, lines: bool = False) -> list[str]:
        """All texts of the corpus (`lines`: those of one line), for one place."""
        chosen = [
            item for item in PLANTED if item.kind not in ON_A_LINE_OF_ITS_OWN and not (lines and "\n" in item.text)
        ]
        found = []
        for item in chosen:
            text, values = item.text, item.values
            number = len(self.plants)
            for shared, own in (
                (P, f"hunter{number}-Zq7x"),
                (W, f"{WORDS[number % 20]}{W}"),
                (PHRASE, f"{PHRASE} {number}"),
            ):
                text, values = text.replace(shared, own), tuple(value.replace(shared, own) for value in values)
            self.plants.append(Plant(place, item.kind, text, values))
            found.append(text)
        return found

    @cached_property
    def by_value(self) -> Mapping[str, list[Plant]]:
        """The plants of each value, those with a password of their own under that."""
        found: dict[str, list[Plant]] = defaultdict(list)
        for item in self.plants:
            for value in item.values:
                found[value].append(item)
        return found

    def leaks(self, *said: str) -> list[tuple[str, str, str]]:
        """What of it is in `said`: place, kind and text."""
        whole = "\n".join(said)
        seen = {*OWN.findall(whole)}
        values = [value for value in self.by_value if (value in seen if OWN.fullmatch(value) else _is_in(value, whole))]
        return [(item.place, item.kind, item.text[:80]) for value in values for item in self.by_value[value]]


def _is_in(value: str, said: str) -> bool:
    return value in said or json.dumps(value)[1:-1] in said


def grow(store: Store, gardener: Gardener) -> None:
    """Puts the corpus into objects of every sort, and into logs."""
    pods = [pod for pod in store.list("Pod", NAMESPACE) if pod["metadata"]["name"].startswith(DEPLOYMENT)]
    for pod in pods[:1]:
        store.put(leaky(pod, gardener))
    texts = gardener.texts("config map")
    data = {f"entry-{number}.conf": text for number, text in enumerate(texts)}
    store.put(made("ConfigMap", "leaky", data=data))
    annotations = {f"example.com/note-{number}": text for number, text in enumerate(gardener.texts("annotation"))}
    store.put(
        made("Service", "leaky", annotations=annotations, spec={"selector": {"app": "nobody"}, "ports": [{"port": 80}]})
    )
    for kind in ("Node",):
        for node in store.list(kind)[:1]:
            notes = {f"example.com/n-{number}": text for number, text in enumerate(gardener.texts("node"))}
            node["metadata"]["annotations"] = {**node["metadata"].get("annotations", {}), **notes}
            store.put(node)
    for number, text in enumerate(gardener.texts("event")):
        store.put(event(number, text, pods[0]))
    ingress = {"nginx.ingress.kubernetes.io/configuration-snippet": "\n".join(gardener.texts("ingress"))}
    spec = {"rules": [{"host": "x.example", "http": {"paths": [path_to("gone")]}}]}
    store.put(made("Ingress", "leaky", annotations=ingress, spec=spec, api="networking.k8s.io/v1"))
    for issuer in store.list("Issuer", "trading"):
        message = " and ".join(gardener.texts("custom resource", lines=True)[:60])
        issuer["status"] = {
            "conditions": [{"type": "Ready", "status": "False", "reason": "ErrGetKeyPair", "message": message}]
        }
        store.put(issuer)


def leaky(pod: Mapping[str, Any], gardener: Gardener) -> dict[str, Any]:
    container = pod["spec"]["containers"][0]
    env = [{"name": f"NOTE_{number}", "value": text} for number, text in enumerate(gardener.texts("env"))]
    named = gardener.texts("named env", lines=True)[:1]
    container["env"] = [*container.get("env", []), *env, {"name": "DB_PASSWORD", "value": named[0]}]
    container["args"] = gardener.texts("args", lines=True)
    status = pod["status"]["containerStatuses"][0]
    message = "\n".join(gardener.texts("termination message", lines=True))
    status.setdefault("lastState", {}).setdefault("terminated", {"exitCode": 1, "reason": "Error"})["message"] = message
    return dict(pod)


def made(
    kind: str, name: str, *, annotations: Mapping[str, str] | None = None, api: str = "v1", **fields: Any
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def path_to(service: str) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {"path": "/", "pathType": "Prefix", "backend": backend}


def event(number: int, text: str, pod: Mapping[str, Any]) -> dict[str, Any]:
    about = {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": NAMESPACE,
        "name": pod["metadata"]["name"],
        "uid": pod["metadata"]["uid"],
    }
    return made(
        "Event",
        f"leaky.{number}",
        involvedObject=about,
        reason="Failed",
        type="Warning",
        message=text,
        count=3,
        firstTimestamp=pod["metadata"]["creationTimestamp"],
        lastTimestamp=pod["metadata"]["creationTimestamp"],
    )


@pytest.fixture(scope="module")
def gardener() -> Gardener:
    return Gardener()


@pytest.fixture(scope="module")
def demo(gardener: Gardener) -> Iterator[kx.Demo]:
    with kx.demo("crash-refused-connection", "issuer-key-pair-missing") as started:
        store = started._running.store
        grow(store, gardener)
        for pod in store.list("Pod", NAMESPACE):
            lines = [line for text in gardener.texts("log") for line in text.splitlines()]
            errors = [f"ERROR giving up: {text}" for text in gardener.texts("error in a log", lines=True)]
            for previous in (False, True):
                store.set_log(NAMESPACE, pod["metadata"]["name"], DEPLOYMENT, [*lines, *errors], previous=previous)
        yield started
    kx.use(None)


@pytest.fixture(scope="module")
def picture(demo: kx.Demo) -> kx.Snapshot:
    return kx.take_snapshot(demo)


def pod_name(demo: kx.Demo) -> str:
    pods = demo._running.store.list("Pod", NAMESPACE)
    return str(next(pod["metadata"]["name"] for pod in pods if len(pod["spec"]["containers"][0].get("args", [])) > 9))


def calls(demo: kx.Demo) -> list[tuple[str, dict[str, Any]]]:
    """Every tool that reads, asked for what holds the plants."""
    pod = pod_name(demo)
    kubectl = (
        *(f"get pod {pod} -o yaml", f"get pod {pod} -o json", f"describe pod {pod}", f"logs {pod}"),
        *("get cm leaky -o yaml", "get cm leaky -o json", "describe cm leaky", "get events", "get events -o json"),
        *("describe ingress leaky", "get svc leaky -o yaml", f"get pod {pod} -o jsonpath={{.spec.containers[0].env}}"),
        *("get issuers -n trading -o yaml", "describe issuers -n trading"),
    )
    return [
        ("describe_resource", {"name": f"pod/{pod}"}),
        ("describe_resource", {"name": "cm/leaky"}),
        ("describe_resource", {"name": "svc/leaky"}),
        ("describe_resource", {"name": f"deploy/{DEPLOYMENT}"}),
        ("describe_resource", {"kind": "issuer", "name": "partners-ca", "namespace": "trading"}),
        ("get_resource", {"name": f"pod/{pod}"}),
        ("get_resource", {"name": "cm/leaky"}),
        ("get_resource", {"name": "ingress/leaky"}),
        ("get_resource", {"name": "svc/leaky"}),
        ("get_resource", {"kind": "issuer", "name": "partners-ca", "namespace": "trading"}),
        ("get_events", {}),
        ("pod_logs", {"pod": pod}),
        ("pod_logs", {"pod": pod, "grep": "."}),
        ("pod_logs", {"pod": pod, "previous": True}),
        ("list_resources", {"kind": "pods", "wide": True}),
        ("list_unhealthy", {}),
        ("run_quickdx", {}),
        ("run_quickdx", {"namespace": "trading"}),
        ("rollout_history", {"name": f"deploy/{DEPLOYMENT}"}),
        ("service_dependencies", {"name": f"deploy/{DEPLOYMENT}"}),
        ("network_path", {"target": "svc/leaky"}),
        ("top_pods", {}),
        ("top_nodes", {}),
        ("list_namespaces", {}),
        *(
            ("kubectl", {"command": f"{command} -n {NAMESPACE}" if "-n " not in command else command})
            for command in kubectl
        ),
    ]


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "NO_PROXY": "127.0.0.1", **more}


async def asked(engine: Engine, options: RunOptions, conversation: Conversation) -> list[RunRecord]:
    return [record async for record in engine.stream("why?", options=options, conversation=conversation)]


def test_the_plants_are_there(demo: kx.Demo, picture: kx.Snapshot, gardener: Gardener) -> None:
    held = repr(picture.objects) + repr(picture.logs)
    places = {place for place, _, _ in gardener.leaks(held)}
    assert {
        "annotation",
        "env",
        "args",
        "event",
        "log",
        "error in a log",
        "termination message",
        "custom resource",
    } <= places
    assert len(gardener.plants) > 2000


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_no_report_of_the_program_holds_any(
    form: str, demo: kx.Demo, gardener: Gardener, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dx", "--kubeconfig", demo.kubeconfig, "-A", "--include-lint"]
    main([*words, *(() if form == "text" else ("--format", form))])
    said = capsys.readouterr()
    assert "mailer" in said.out
    assert gardener.leaks(said.out + said.err) == []


def test_no_diagnosis_frame_or_repr_holds_any(demo: kx.Demo, picture: kx.Snapshot, gardener: Gardener) -> None:
    for cluster in (demo, picture):
        dx = kx.diagnose(cluster=cluster, include_lint=True)
        assert any(item.ref.name == DEPLOYMENT for item in dx.findings)
        shown = dx._repr_mimebundle_()
        for said in (repr(dx.findings), repr(dx.hypotheses), codec.dumps(dx), dx.frame().to_csv(), *shown.values()):
            assert gardener.leaks(said) == []


def test_no_snapshot_file_holds_any_and_it_diagnoses_the_same(
    picture: kx.Snapshot, gardener: Gardener, tmp_path: Path, capsys: Any
) -> None:
    kx.save(picture, tmp_path / "it")
    assert gardener.leaks(gzip.decompress((tmp_path / "it").read_bytes()).decode()) == []
    loaded = kx.load(tmp_path / "it")
    assert gardener.leaks(repr(loaded.objects) + repr(loaded.logs)) == []
    before, after = kx.diagnose(cluster=picture), kx.diagnose(cluster=loaded)
    assert [item.id for item in after.hypotheses] == [item.id for item in before.hypotheses]
    main(["snapshot", "show", str(tmp_path / "it")])
    assert gardener.leaks(capsys.readouterr().out) == []


@pytest.mark.parametrize("wired", WIRED, ids=str)
def test_no_model_event_log_span_or_history_gets_any(
    wired: Wired, demo: kx.Demo, gardener: Gardener, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    spans, conversation = exporter(), Conversation()
    plugins = {key: registry.providers()[key] for key in (wired.plugin.id, "rules")}
    options = RunOptions(
        provider=wired.plugin.id,
        credential=Credential(kind="api_key", secret=Secret("dummy-key-of-this-test"), source="the request"),
        fallback=False,
        max_tool_calls=90,
    )
    with wired.server() as server:
        server.script([Call(name, arguments) for name, arguments in calls(demo)], [Say("It is the broker.")])
        engine = Engine(
            demo.cluster, namespace=NAMESPACE, plugins=plugins, environ=environ(tmp_path, **wired.environ(server))
        )
        records = asyncio.run(asked(engine, options, conversation))
        bodies = [json.dumps(request.body, ensure_ascii=False) for request in server.requests]
    results = [record.event.result for record in records if isinstance(record.event, ToolCallFinished)]
    assert len(results) == len(calls(demo))
    assert {item.tool_name for item in results if item.is_error} <= {"top_pods"}  # this cluster measures nothing
    assert len(bodies[-1]) > 40_000
    paths = {
        "bodies": bodies,
        "records": [codec.dumps(record) for record in records],
        "data": [repr(item.data) + repr(item.evidence) for item in results],
        "conversation": [repr(conversation.messages), repr(conversation.results.__dict__)],
        "spans": [span.to_json() for span in spans.get_finished_spans()],
        "logs": [caplog.text],
    }
    found = {path: gardener.leaks(*texts) for path, texts in paths.items()}
    print(f"\n{wired}: {len(gardener.plants)} planted, {len(paths)} paths, {sum(map(len, found.values()))} leaks")  # noqa: T201  the figure
    assert {path: leaks for path, leaks in found.items() if leaks} == {}
