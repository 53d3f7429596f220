"""What is told while a cluster is still being read: sure, masked, in question, and never in the way of the answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

import kubeagentix as kx
from kubeagentix.cluster.snapshot import SoFar
from kubeagentix.demo.mishaps import Struck
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import Notice, PartialFindings, ProgressEvent, StageChanged
from kubeagentix.domain.ignoring import rule_of
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx import early
from kubeagentix.quickdx.early import EarlyLooks
from kubeagentix.testing import snapshot_of
from tests.quickdx.test_masking import CRASHING, PASSWORD

WEB = CRASHING.format(password=PASSWORD)


class Held:
    """A list that does not come before `release` is set."""

    def __init__(self) -> None:
        self.release = threading.Event()

    async def answer(self, struck: Struck) -> web.StreamResponse:
        while not self.release.is_set():  # noqa: ASYNC110  it is set on another thread
            await asyncio.sleep(0.02)
        return await struck.healthy()


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable", "service-selector-mismatch") as started:
        kx.use(None)
        yield started


@pytest.fixture
def held(demo: kx.Demo) -> Iterator[Held]:
    """ConfigMaps are held back."""
    mishap = Held()
    demo.faults.strike("/configmaps", mishap)
    yield mishap
    mishap.release.set()
    demo.faults.clear()


def looked(*pictures: Snapshot | None, target: Target = Target(), **more: Any) -> list[ProgressEvent]:  # noqa: B008
    """What is told of these pictures, of which the last one stays."""
    heard: list[ProgressEvent] = []
    left = [*pictures]

    def so_far() -> Snapshot | None:
        return left.pop(0) if len(left) > 1 else left[0]

    async def look() -> None:
        looks = EarlyLooks(target, more.get("ignore", ()), heard.append)
        following = asyncio.ensure_future(looks.follow(so_far))
        await asyncio.wait((following,), timeout=0.4)
        following.cancel()

    asyncio.run(look())
    return heard


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "FIRST_S", 0.0)
    monkeypatch.setattr(early, "AGAIN_S", 0.01)
    monkeypatch.setattr(early, "SHARE", 1000.0)


def refs(event: ProgressEvent) -> set[str]:
    assert isinstance(event, PartialFindings)
    return {str(item.ref) for item in event.findings}


def test_findings_are_told_while_a_list_is_still_to_come_and_are_in_the_answer(demo: kx.Demo, held: Held) -> None:
    heard: list[ProgressEvent] = []

    def listen(event: ProgressEvent) -> None:
        heard.append(event)
        if isinstance(event, PartialFindings):
            held.release.set()

    found = kx.diagnose(cluster=demo, listen=listen, history=False)
    first = next(event for event in heard if isinstance(event, PartialFindings))
    read = {event.detail for event in heard[: heard.index(first)] if isinstance(event, StageChanged)}
    assert "pods" in read
    assert "configmaps" not in read
    assert refs(first)
    assert refs(first) <= {str(item.ref) for item in found.findings}
    assert {item.id for item in first.findings} & {item.id for item in found.findings}
    assert heard.index(first) < len(heard) - 1
    assert not [item for item in found.gaps if item.kind == "ConfigMap"]


def test_a_cluster_that_answers_at_once_has_the_answer_alone(demo: kx.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "FIRST_S", 60.0)
    heard: list[ProgressEvent] = []
    kx.diagnose(cluster=demo, listen=heard.append, history=False)
    assert not [event for event in heard if isinstance(event, PartialFindings)]


@pytest.mark.usefixtures("at_once")
def test_what_a_log_repeats_is_masked_before_it_is_told() -> None:
    (told,) = looked(snapshot_of(WEB))
    assert "cannot log in with [MASKED-" in repr(told)
    assert PASSWORD not in repr(told)


@pytest.mark.usefixtures("at_once")
def test_nothing_rests_on_the_absence_of_what_is_not_read_yet() -> None:
    service = "{kind: Service, metadata: {name: api, namespace: shop}, spec: {selector: {app: nobody}}}"
    whole = snapshot_of(WEB, service)
    assert looked(replace(whole, objects={"Service": whole.objects["Service"], "Node": ()})) == []
    assert "Service shop/api" in refs(looked(whole)[0])


@pytest.mark.usefixtures("at_once")
def test_a_look_is_taken_again_when_there_is_more_and_told_if_it_tells_more() -> None:
    whole = snapshot_of(WEB)
    pods = replace(whole, objects={"Pod": whole.objects["Pod"]})
    assert looked(None, None) == []
    assert len(looked(pods, pods, whole)) == 1
    node = "{kind: Node, metadata: {name: n1}, status: {conditions: [{type: Ready, status: 'False', reason: Down}]}}"
    told = looked(pods, snapshot_of(WEB, node))
    assert [refs(event) for event in told] == [{"Pod shop/web"}, {"Pod shop/web", "Node n1"}]


@pytest.mark.usefixtures("at_once")
def test_only_what_is_in_question_is_told() -> None:
    whole = snapshot_of(WEB)
    assert refs(looked(whole, target=Target(namespace="shop", kind="Pod", name="web"))[0]) == {"Pod shop/web"}
    assert looked(whole, target=Target(namespace="bank")) == []
    assert looked(whole, target=Target(namespace="shop", kind="Deployment", name="api")) == []
    assert looked(whole, ignore=(rule_of("object=Pod/shop/web", "here"),)) == []


@pytest.mark.usefixtures("at_once")
def test_the_worst_are_told_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "MAX_TOLD", 1)
    (told,) = looked(snapshot_of(WEB, WEB.replace("name: web,", "name: web-2,")))
    assert isinstance(told, PartialFindings)
    assert (len(told.findings), told.more) == (1, 1)


def test_who_has_no_time_to_spare_takes_no_look(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    monkeypatch.setattr(EarlyLooks, "_waited_s", lambda _: -0.1)
    assert looked(snapshot_of(WEB)) == []


def test_a_look_begins_once_there_is_time_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "FIRST_S", 0.0)
    monkeypatch.setattr(early, "AGAIN_S", 0.01)
    monkeypatch.setattr(early, "OBJECT_S", 1.0)
    assert looked(snapshot_of(WEB)) == []
    monkeypatch.setattr(early, "SHARE", 1000.0)
    assert len(looked(snapshot_of(WEB))) == 1


def test_a_look_that_fails_is_told_and_costs_nothing_else(
    demo: kx.Demo, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(early, "learn", broken)
    heard: list[ProgressEvent] = []

    def listen(event: ProgressEvent) -> None:
        heard.append(event)
        if isinstance(event, Notice):
            held.release.set()

    assert kx.diagnose(cluster=demo, listen=listen, history=False).findings
    assert [event.message for event in heard if isinstance(event, Notice)] == ["no partial results: ValueError"]


@pytest.mark.usefixtures("at_once")
def test_while_a_neighbour_is_read_the_namespace_itself_is_looked_at() -> None:
    heard: list[ProgressEvent] = []

    def nothing() -> Snapshot | None:
        raise AssertionError("what is read of the neighbour is no picture yet")

    async def look() -> None:
        meanwhile = EarlyLooks(Target(namespace="shop"), (), heard.append).at(snapshot_of(WEB, namespace="shop"))
        so_far: SoFar = nothing
        await asyncio.wait((asyncio.ensure_future(meanwhile(so_far)),), timeout=0.4)

    asyncio.run(look())
    assert [refs(event) for event in heard] == [{"Pod shop/web"}]
