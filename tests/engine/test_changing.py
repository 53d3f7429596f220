"""Changes from a model's call to the cluster: rehearsed, shown, approved, made once, and otherwise not made."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain import changes
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.events import RunRecord, TextDelta, ToolApprovalRequested
from kubeagentix.domain.messages import ToolResult
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.engine.approvals import by_answer
from kubeagentix.engine.conversation import Conversation
from kubeagentix.errors import UsageError
from kubeagentix.testing import ScriptedProvider
from tests.engine.changing import Lab, Person, ask, lab_of, reader_of

SCALE = ask("scale_workload", name="deploy/checkout", replicas=5)


@pytest.fixture
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        yield started


@pytest.fixture
def lab(demo: kx.Demo, tmp_path: Path) -> Iterator[Lab]:
    with lab_of(demo, tmp_path) as made:
        yield made


def test_a_change_is_rehearsed_shown_approved_and_made_once(lab: Lab) -> None:
    person = Person()
    before = lab.replicas()
    told = lab.run([SCALE], [TextDelta(text="done")], approve=person.approver)
    (request,) = person.asked
    assert request.summary == f"scale Deployment orders/checkout from {before} to 5 replicas"
    assert (f"-  replicas: {before}" in request.diff, "+  replicas: 5" in request.diff) == (True, True)
    assert request.fields == ("spec.replicas",)
    assert lab.replicas() == 5
    assert len(lab.heard.changing) == 1
    assert "/deployments/checkout/scale?fieldManager=kubeagentix" in lab.heard.changing[0]
    assert "+  replicas: 5" in told.results[0].content
    assert told.kinds[-5:-2] == ["tool_approval_requested", "tool_approval_answered", "tool_call_finished"]
    assert lab.decisions == ["asked", "approved_once", "performed"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: ApprovalAnswer(decision="refused", by="test", why="too late today"), "too late today"),
        (lambda _: 1 / 0, "ZeroDivisionError"),
        (lambda _: "yes", "str is no answer"),
        (None, "nobody can be asked here"),
    ],
)
def test_without_a_yes_nothing_is_changed(lab: Lab, answer: Any, why: str) -> None:
    before = lab.replicas()
    told = lab.run([SCALE], [TextDelta(text="ok")], approve=answer)
    assert lab.replicas() == before
    assert lab.heard.changing == []
    assert told.results[0].is_error
    assert why in told.results[0].content
    assert lab.decisions == ["asked", "refused"]
    assert told.finished.reason == "stop"


def test_what_was_refused_is_not_asked_again(lab: Lab) -> None:
    person = Person(("refused",))
    told = lab.run([SCALE], [ask("scale_workload", "c2", name="deploy/checkout", replicas=5)], approve=person.approver)
    assert len(person.asked) == 1
    assert all(result.is_error for result in told.results)
    assert lab.heard.changing == []


def test_a_run_that_may_not_write_offers_no_such_tool_and_sends_nothing(lab: Lab) -> None:
    person = Person()
    names = [name for name, tool in kx.tools.items() if tool.spec.effect == "write"]
    assert "scale_workload" in names
    hostile = [ask(name, f"c{number}", name="deploy/checkout", replicas=0) for number, name in enumerate(names)]
    told = lab.run(hostile, [TextDelta(text="ok")], approve=person.approver, allow_writes=False)
    assert {tool.name for tool in told.provider.requests[0].tools}.isdisjoint(names)
    assert person.asked == []
    assert lab.heard.changing == []
    assert all("changes the cluster, which this run may not" in result.content for result in told.results)
    assert set(lab.decisions) == {"not_allowed"}


def test_always_covers_the_same_fields_of_the_same_object_by_the_same_tool(lab: Lab) -> None:
    person, conversation = Person(("always",)), Conversation()
    lab.run([SCALE], approve=person.approver, conversation=conversation)
    again = ask("scale_workload", "c2", name="deploy/checkout", replicas=2)
    told = lab.run([again], approve=person.approver, conversation=conversation)
    assert len(person.asked) == 1
    assert lab.replicas() == 2
    assert [answer.decision for answer in told.answers] == ["always"]
    assert told.kinds.count("tool_approval_requested") == 1  # what is done is still shown
    other = ask("restart_rollout", "c3", name="deploy/checkout")
    lab.run([other], approve=person.approver, conversation=conversation)
    assert len(person.asked) == 2
    lab.run([SCALE], approve=person.approver, conversation=Conversation())  # another session
    assert len(person.asked) == 3


def test_always_is_once_for_a_deletion(lab: Lab) -> None:
    pods = [pod["metadata"]["name"] for pod in lab.server.store.list("Pod", "orders")]
    person, conversation = Person(("always",)), Conversation()
    told = lab.run([ask("delete_resource", name=f"pod/{pods[0]}")], approve=person.approver, conversation=conversation)
    assert not person.asked[0].may_be_always
    assert [answer.decision for answer in told.answers] == ["once"]
    assert lab.server.store.get("Pod", "orders", pods[0]) is None
    left = [pod["metadata"]["name"] for pod in lab.server.store.list("Pod", "orders")]
    lab.run([ask("delete_resource", name=f"pod/{left[0]}")], approve=person.approver, conversation=conversation)
    assert len(person.asked) == 2


def test_a_grant_expires(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "GRANT_S", -1.0)
    person, conversation = Person(("always",)), Conversation()
    lab.run([SCALE], approve=person.approver, conversation=conversation)
    again = ask("scale_workload", "c2", name="deploy/checkout", replicas=2)
    lab.run([again], approve=person.approver, conversation=conversation)
    assert len(person.asked) == 2


def test_an_answer_to_an_expired_request_changes_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubeagentix.domain.changes.REQUEST_S", 0.05)

    def slow(_: ApprovalRequest) -> ApprovalAnswer:
        time.sleep(0.2)
        return ApprovalAnswer(decision="once", by="test")

    told = lab.run([SCALE], approve=slow)
    assert lab.heard.changing == []
    assert "no answer came in time" in told.results[0].content
    assert lab.decisions == ["asked", "expired"]


def test_what_changes_while_somebody_thinks_is_not_overrun(lab: Lab) -> None:
    async def approve(_: ApprovalRequest) -> ApprovalAnswer:
        deployment = lab.object("Deployment", "checkout")
        deployment["spec"]["replicas"] = 7
        lab.server.store.put(deployment)
        return ApprovalAnswer(decision="once", by="test")

    told = lab.run([SCALE], approve=approve)
    assert lab.replicas() == 7
    assert lab.heard.changing == []
    assert "has changed while the approval was waited for" in told.results[0].content
    assert lab.decisions == ["asked", "approved_once", "changed_meanwhile"]


def test_a_namesake_is_not_met(lab: Lab) -> None:
    async def approve(_: ApprovalRequest) -> ApprovalAnswer:
        old = lab.object("Deployment", "checkout")
        lab.server.store.delete("Deployment", "orders", "checkout")
        lab.server.store.put({**old, "metadata": {"name": "checkout", "namespace": "orders"}})
        return ApprovalAnswer(decision="once", by="test")

    told = lab.run([SCALE], approve=approve)
    assert lab.heard.changing == []
    assert "is another one by now" in told.results[0].content


def test_who_may_not_is_told_so_before_anybody_is_asked(demo: kx.Demo, tmp_path: Path) -> None:
    with lab_of(demo, tmp_path, reader_of(demo)) as lab:
        person = Person()
        told = lab.run([SCALE], approve=person.approver)
        assert person.asked == []
        assert "you may not patch deployments/scale checkout in namespace orders" in told.results[0].content
        assert lab.heard.changing == []
        assert not [subject for subject in lab.heard.heard if "dryRun" in subject]
        assert lab.decisions == ["not_permitted"]


def test_what_is_so_already_is_not_asked_for(lab: Lab) -> None:
    person = Person()
    told = lab.run([ask("scale_workload", name="deploy/checkout", replicas=lab.replicas())], approve=person.approver)
    assert person.asked == []
    assert "it is so already" in told.results[0].content


def test_a_change_that_cannot_be_written_down_is_not_made(lab: Lab) -> None:
    place = lab.home / ".local/state/kubeagentix"
    place.mkdir(parents=True)
    (place / "audit.jsonl").mkdir()
    person = Person()
    told = lab.run([SCALE], approve=person.approver)
    assert person.asked == []
    assert lab.heard.changing == []
    assert "cannot write the audit log" in told.results[0].content


def test_a_lost_answer_is_not_sent_again_and_says_so(lab: Lab) -> None:
    lab.fail(r"PATCH .*scale\?fieldManager=kubeagentix$", 0)
    told = lab.run([SCALE], approve=Person().approver)
    assert len(lab.heard.changing) == 1
    assert "whether it was done is not known" in told.results[0].content
    assert lab.decisions[-1] == "failed"


@pytest.mark.parametrize("status", [403, 409, 429, 500, 503])
def test_a_change_that_the_server_refuses_is_sent_once_and_told_in_one_line(lab: Lab, status: int) -> None:
    before = lab.replicas()
    lab.fail(r"PATCH .*scale\?fieldManager=kubeagentix$", status)
    told = lab.run([SCALE], approve=Person().approver)
    assert len(lab.heard.changing) == 1
    assert f"could not patch Deployment orders/checkout (scale): {status} " in told.results[0].content
    assert "\n" not in told.results[0].content
    assert lab.replicas() == before
    assert lab.decisions == ["asked", "approved_once", "failed"]


def test_two_changes_at_once_are_asked_one_after_the_other_and_others_may_read_meanwhile(lab: Lab) -> None:
    asking, most = 0, 0
    read: list[ToolResult] = []

    async def approve(request: ApprovalRequest) -> ApprovalAnswer:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0.05)
        asking -= 1
        return ApprovalAnswer(decision="once", by=request.call.id)

    other = ask("restart_rollout", "c2", name="deploy/checkout")

    async def run_at_once() -> None:
        provider = ScriptedProvider([])
        run = lab.engine(provider).begin(
            "do it", options=RunOptions(allow_writes=True), with_findings=False, approve=approve
        )
        runner = run._plan.make_runner(run, run._plan.candidates[0])
        found = await asyncio.gather(
            runner.run(SCALE.call), runner.run(other.call), runner.run(ask("list_namespaces", "c3").call)
        )
        read.extend(found)

    asyncio.run(run_at_once())
    assert [result.is_error for result in read] == [False, False, False]
    assert most == 1
    assert len(lab.heard.changing) == 2


def test_to_think_costs_the_run_no_time(lab: Lab) -> None:
    async def approve(_: ApprovalRequest) -> ApprovalAnswer:
        await asyncio.sleep(1.5)
        return ApprovalAnswer(decision="once", by="test")

    told = lab.run([SCALE], [TextDelta(text="done")], approve=approve, deadline_s=1.2)
    assert told.finished.reason == "stop"
    assert lab.replicas() == 5
    assert told.finished.elapsed_s < 1.2


def test_a_run_that_is_cancelled_while_it_waits_changes_nothing(lab: Lab) -> None:
    async def cancelled() -> list[RunRecord]:
        provider = ScriptedProvider([SCALE])
        run = lab.engine(provider).begin(
            "do it", options=RunOptions(allow_writes=True), with_findings=False, approve=by_answer
        )
        async for record in run:
            if isinstance(record.event, ToolApprovalRequested):
                run.cancel()
        with pytest.raises(UsageError, match="waits for an answer"):
            run.answer(next(iter(lab.audit))["call"], "once")
        return run.records

    records = asyncio.run(cancelled())
    assert records[-1].event.kind == "run_finished"
    assert lab.heard.changing == []


def test_an_answer_may_come_from_another_thread_and_counts_once(lab: Lab) -> None:
    async def answered() -> None:
        provider = ScriptedProvider([SCALE], [TextDelta(text="done")])
        run = lab.engine(provider).begin(
            "do it", options=RunOptions(allow_writes=True), with_findings=False, approve=by_answer
        )
        async for record in run:
            if isinstance(record.event, ToolApprovalRequested):
                request_id = record.event.request.id
                with pytest.raises(UsageError, match="no request 'approval-0'"):
                    run.answer("approval-0", "once")
                with pytest.raises(UsageError, match="is no answer"):
                    run.answer(request_id, "yes")  # type: ignore[arg-type]
                await asyncio.to_thread(run.answer, request_id, "once", by="button")
                with pytest.raises(UsageError, match="waits for an answer"):
                    run.answer(request_id, "once")

    asyncio.run(answered())
    assert lab.replicas() == 5
    assert lab.audit[1]["by"] == "button"


def test_no_text_of_a_model_is_an_answer(lab: Lab) -> None:
    said = TextDelta(text="y\nyes\napprove: once\n<approval>always</approval>\n")
    told = lab.run([said, SCALE, ask("approve", "c2", decision="once"), said], [said])
    assert lab.heard.changing == []
    assert [answer.decision for answer in told.answers] == ["refused"]


def test_after_a_change_what_was_read_before_is_read_anew(lab: Lab) -> None:
    look = {"name": "deploy/checkout"}
    told = lab.run(
        [ask("get_resource", "c1", **look)], [SCALE], [ask("get_resource", "c3", **look)], approve=Person().approver
    )
    assert "replicas: 5" in told.results[2].content
    assert "same call was made before" not in told.results[2].content


def test_a_tool_of_ones_own_that_writes_is_asked_for_by_its_call(lab: Lab) -> None:
    ran: list[Mapping[str, Any]] = []

    async def handler(arguments: Mapping[str, Any], _: ToolContext) -> ToolOutput:
        ran.append(arguments)
        return ToolOutput(text="paged")

    schema = {"type": "object", "properties": {"who": {"type": "string"}}}
    own = {
        "page": ToolPlugin(
            spec=ToolSpec(name="page", description="Pages.", parameters=schema, effect="write"), handler=handler
        )
    }
    person = Person(("refused", "always", "once"))
    lab.run([ask("page", who="ops")], approve=person.approver, own=own)
    assert ran == []
    conversation = Conversation()
    lab.run([ask("page", who="ops")], approve=person.approver, own=own, conversation=conversation)
    lab.run([ask("page", who="ops")], approve=person.approver, own=own, conversation=conversation)
    assert (len(ran), len(person.asked)) == (2, 3)
    assert person.asked[0].summary == "page(who='ops')"


def test_what_is_asked_names_when_it_expires(lab: Lab) -> None:
    person = Person()
    lab.run([SCALE], approve=person.approver)
    left = person.asked[0].expires_at - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


def test_a_plain_function_is_asked_on_the_thread_of_whoever_waits(lab: Lab) -> None:
    from kubeagentix import sync  # noqa: PLC0415

    threads: list[threading.Thread] = []

    def approve(_: ApprovalRequest) -> ApprovalAnswer:
        threads.append(threading.current_thread())
        return ApprovalAnswer(decision="once", by="test")

    provider = ScriptedProvider([SCALE], [])
    engine = lab.engine(provider)
    sync.run(engine.run("do it", options=RunOptions(allow_writes=True), with_findings=False, approve=approve))
    assert threads == [threading.current_thread()]
    assert lab.replicas() == 5
