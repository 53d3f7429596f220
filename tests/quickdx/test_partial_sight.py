"""What could not be read is unknown, not missing: no object is blamed that a full view would not have blamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

import kubeagentix as kx
from kubeagentix.domain.diagnosis import Gap, ResourceRef, Severity, Target
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.pipeline import diagnose_snapshot

# Without the CronJob its Jobs stand for themselves, as they are no longer known to be one incident.
MEMBERS = {"Job": {"CronJob"}, "CronJob": {"Job"}}


@pytest.fixture(scope="module")
def seen() -> Iterator[Snapshot]:
    with kx.demo() as demo:
        yield kx.take_snapshot(demo)


def blamed(snapshot: Snapshot) -> set[ResourceRef]:
    diagnosis = diagnose_snapshot(snapshot, Target())
    assert [gap for gap in diagnosis.gaps if "analyzer" in gap.what] == []
    return {finding.ref for finding in diagnosis.findings if finding.severity is not Severity.INFO}


@pytest.mark.parametrize("share", [0, 2], ids=["unread", "half read"])
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if not kind.is_optional])
def test_what_could_not_be_read_is_not_held_to_be_missing(seen: Snapshot, kind: str, share: int) -> None:
    objects = dict(seen.objects)
    read = objects.pop(kind)
    if share:
        objects[kind] = read[: len(read) // share]
    gap = Gap(what=kind, why="403 Forbidden", kind=kind)
    known = {(ref.namespace, ref.kind) for ref in blamed(seen)}
    extra = {
        ref
        for ref in blamed(replace(seen, objects=objects, gaps=(gap,))) - blamed(seen)
        if not any((ref.namespace, other) in known for other in MEMBERS.get(ref.kind, ()))
    }
    assert extra == set()
