"""A demo cluster, a scripted model that wants changes, and a person who answers; and what reached the API server."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubeagentix as kx
from kubeagentix.cluster import connection
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolPlugin
from kubeagentix.demo.faults import FaultRule
from kubeagentix.demo.mishaps import Dropped
from kubeagentix.demo.server import DemoServer
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest, Approver
from kubeagentix.domain.events import RunFinished, RunRecord, ToolApprovalAnswered, ToolCallFinished, ToolCallReady
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.approvals import nobody
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.own_tools import tools
from kubeagentix.testing import ScriptedProvider, scripted_plugin

NAMESPACE = "orders"


class Listening(FaultRule):
    """A rule of the demo server that fails nothing and hears everything."""

    def __init__(self) -> None:
        super().__init__(pattern=re.compile(""), mishap=Dropped())
        self.heard: list[str] = []

    def strikes(self, subject: str, _: random.Random) -> bool:
        self.heard.append(subject)
        return False

    @property
    def changing(self) -> list[str]:
        """Requests that could have changed something: no GETs, no reviews, no dry runs."""
        return [
            subject
            for subject in self.heard
            if not subject.startswith(("GET ", "HEAD ")) and "reviews" not in subject and "dryRun=All" not in subject
        ]


@dataclass
class Person:
    """Who is asked: says what was written down, one answer after the other, the last one again."""

    answers: tuple[str, ...] = ("once",)
    asked: list[ApprovalRequest] = field(default_factory=list)

    async def __call__(self, request: ApprovalRequest) -> ApprovalAnswer:
        self.asked.append(request)
        decision: Any = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return ApprovalAnswer(decision=decision, by="test")

    @property
    def approver(self) -> Approver:
        return self.__call__


@dataclass
class Told:
    """What came of a run."""

    records: list[RunRecord]
    provider: ScriptedProvider

    @property
    def results(self) -> list[ToolResult]:
        return [record.event.result for record in self.records if isinstance(record.event, ToolCallFinished)]

    @property
    def answers(self) -> list[ApprovalAnswer]:
        return [record.event.answer for record in self.records if isinstance(record.event, ToolApprovalAnswered)]

    @property
    def kinds(self) -> list[str]:
        return [record.event.kind for record in self.records]

    @property
    def finished(self) -> RunFinished:
        last = self.records[-1].event
        assert isinstance(last, RunFinished), last
        return last


@dataclass
class Lab:
    """The demo cluster as one user sees it, and runs over it."""

    server: DemoServer
    cluster: Cluster
    heard: Listening
    home: Path
    namespace: str = NAMESPACE

    def engine(self, provider: ScriptedProvider, own: Mapping[str, ToolPlugin] | None = None) -> Engine:
        return engine_of(self.cluster, self.namespace, self.home, provider, own)

    def run(self, *turns: Any, **options: Any) -> Told:
        return run_over(self.cluster, self.namespace, self.home, *turns, **options)

    def fail(self, pattern: str, status: int) -> None:
        """As the demo server's own, and still heard."""
        self.server.faults.fail(pattern, status)
        self.server.faults.rules.remove(self.heard)
        self.server.faults.rules.insert(0, self.heard)

    def object(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        found = self.server.store.get(kind, namespace if namespace is not None else self.namespace, name)
        assert found is not None
        return found

    def replicas(self, name: str = "checkout") -> int:
        replicas: int = self.object("Deployment", name)["spec"]["replicas"]
        return replicas

    @property
    def audit(self) -> list[dict[str, Any]]:
        path = self.home / ".local/state/kubeagentix/audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def decisions(self) -> list[str]:
        return [entry["decision"] for entry in self.audit]


def engine_of(
    cluster: Cluster,
    namespace: str,
    home: Path,
    provider: ScriptedProvider,
    own: Mapping[str, ToolPlugin] | None = None,
) -> Engine:
    return Engine(
        cluster,
        namespace=namespace,
        plugins={"claude": scripted_plugin(provider)},
        tools=own if own is not None else tools,
        environ={"HOME": str(home)},
    )


def run_over(
    cluster: Cluster,
    namespace: str,
    home: Path,
    *turns: Any,
    approve: Approver | None = None,
    conversation: Conversation | None = None,
    own: Mapping[str, ToolPlugin] | None = None,
    allow_writes: bool = True,
    **options: Any,
) -> Told:
    """A run of a model that says these turns."""
    provider = ScriptedProvider(*turns, [])

    async def collected() -> list[RunRecord]:
        stream = engine_of(cluster, namespace, home, provider, own).stream(
            "do it",
            options=RunOptions(allow_writes=allow_writes, **options),
            conversation=conversation,
            with_findings=False,
            approve=approve if approve is not None else nobody,
        )
        return [record async for record in stream]

    return Told(asyncio.run(collected()), provider)


def ask(tool: str, call_id: str = "c1", **arguments: Any) -> ToolCallReady:
    return ToolCallReady(call=ToolCall(id=call_id, name=tool, arguments=arguments))


@contextmanager
def lab_of(demo: kx.Demo, home: Path, user: str = "admin") -> Iterator[Lab]:
    """The demo as `user` sees it."""
    server = demo._running.server
    heard = Listening()
    server.faults.rules.append(heard)
    path = home / f"kubeconfig-{user}"
    path.write_text(server.kubeconfig(user))
    with connection.connect(kubeconfig=str(path)) as cluster:
        yield Lab(server, cluster, heard, home)
    server.faults.rules.remove(heard)


def reader_of(demo: kx.Demo) -> str:
    """A user of the demo who may look at everything and change nothing."""
    server, name = demo._running.server, "reader"
    server.add_user(name)
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "read"}}
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    server.store.put({**rbac, "kind": "ClusterRole", "rules": rules})
    server.store.put(
        {
            **rbac,
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "read"},
            "subjects": [{"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}],
        }
    )
    return name
