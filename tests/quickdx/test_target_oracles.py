"""Targets of recorded clusters, read in parts from the recording: the answer is that of all of the namespace.

The cases are those in which a part could mislead: what is shared with others, what others tell, what nobody asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

import pytest

import kubeagentix as kx
from benchmarks.cases import CORPUS
from kubeagentix.cluster.logs import LogPlan, LogRequest, choose_logs, choose_server_logs
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.domain.parts import Part
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.quickdx.target_reading import read_target


class Recording:
    """Reads parts of a recorded namespace."""

    def __init__(self, whole: Snapshot) -> None:
        self.whole = whole
        self.read_so_far: set[LogRequest] = set()

    async def begin(self, parts: Collection[Part]) -> Snapshot:
        empty = replace(self.whole, objects={}, logs=(), gaps=(), parts=frozenset())
        return await self.read(empty, parts)

    async def read(self, picture: Snapshot, parts: Collection[Part]) -> Snapshot:
        assert picture.parts is not None
        known = picture.parts | frozenset(parts)
        objects = {
            kind: tuple(item for item in self.whole.objects[kind] if any(_holds(part, kind, item) for part in known))
            for kind in {part.kind for part in known} & {*self.whole.objects}
        }
        return replace(picture, objects=objects, parts=known)

    async def read_logs(self, picture: Snapshot, pods: Collection[Pod]) -> Snapshot:
        plan = choose_logs(pods, now=picture.taken_at)
        picture = self._with(picture, plan)
        return self._with(picture, choose_server_logs(picture, plan))

    def logs_wanted(self, picture: Snapshot, pods: Collection[Pod]) -> int:
        return len({*choose_logs(pods, now=picture.taken_at).requests} - self.read_so_far)

    def _with(self, picture: Snapshot, plan: LogPlan) -> Snapshot:
        new = [item for item in plan.requests if item not in self.read_so_far]
        self.read_so_far.update(new)
        keys = {(item.namespace, item.pod, item.container, item.is_previous) for item in new}
        logs = [log for log in self.whole.logs if (log.namespace, log.pod, log.container, log.is_previous) in keys]
        return replace(picture, logs=(*picture.logs, *logs))


def _holds(part: Part, kind: str, item: object) -> bool:
    metadata = item.metadata  # type: ignore[attr-defined]
    is_meant = part.kind == kind and part.name in ("", metadata.name)
    return is_meant and parse_label_selector(part.label_selector).matches(metadata.labels)


CASES = (
    *("cfg-shared-key", "d-shared-bad-config", "d-shared-host", "d-shared-lr", "d-shared-quota", "d-shared-class"),
    *("d-two-faults-one-app", "pvc-mode", "pvc-too-large", "rbac-wrong-subject", "svc-targetport", "svc-two-apps"),
    *("chain-shared-backend", "svc-scaled-zero", "ok-d-unused-empty-service"),
)


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_that_of_a_reading_of_everything(name: str) -> None:
    whole = kx.load(CORPUS / f"{name}.json.gz")
    for kind in (Deployment, kx.resources.Service):
        for item in whole.all(kind):
            target = Target(namespace=whole.namespace, kind=item.kind, name=item.name)
            picture = asyncio.run(read_target(Recording(whole), target))
            if picture is None:
                continue  # then everything is read
            found, expected = (diagnose_snapshot(one, target).hypotheses for one in (picture, whole))
            assert [one.id for one in found] == [one.id for one in expected], str(target)


def test_a_fault_of_one_is_told_from_a_part_of_the_namespace() -> None:
    """Or all the others would hold of nothing."""
    whole = kx.load(CORPUS / "cfg-cm-key.json.gz")
    read = [
        asyncio.run(read_target(Recording(whole), Target(namespace=whole.namespace, kind=item.kind, name=item.name)))
        for item in whole.all(Deployment)
    ]
    assert any(picture is not None for picture in read)
