"""What the accuracy of Quick Dx is measured on: snapshots with their truth, from three sources.

`demo`: the scenarios of the demo cluster. `pictures`: whole clusters of ten distributions, healthy and with faults.
`recorded`: namespaces of a real Kubernetes, saved while their faults were on. Each can also be had with less to see:
without logs, without events, or with the rights of a user who may read the own namespace only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.domain.diagnosis import Gap, ResourceRef
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of
from tests.quickdx import pictures

CORPUS = Path(__file__).parent / "corpus"
TRUTHS = CORPUS / "truths.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is wrong: the objects that may be named for it, and the reasons or a pattern of what is said.

    `roots` are `Kind namespace/name`, or `Kind name` for that object in whatever namespace.
    """

    roots: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    says: str = ""

    def is_told_by(self, root: ResourceRef, reason: str, words: str = "") -> bool:
        """Whether that object and that reason (or a refinement of it), or those words, name this fact."""
        if str(root) not in self.roots and f"{root.kind} {root.name}" not in self.roots:
            return False
        if self.says:
            return re.search(self.says, f"{reason} {words}", re.IGNORECASE) is not None
        return any(reason == item or reason.startswith(f"{item}/") for item in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One snapshot, where to look in it (None: everywhere), and what is wrong there: nothing in a healthy one."""

    id: str
    source: str
    family: str
    snapshot: Snapshot
    namespace: str | None
    facts: tuple[Fact, ...]


def load_cases(source: str) -> Iterator[Case]:
    """The cases of `demo`, `pictures` or `recorded`."""
    yield from {"demo": _demo, "pictures": _pictures, "recorded": _recorded}[source]()


def _demo() -> Iterator[Case]:
    with kx.demo() as running:
        whole = kx.take_snapshot(running)
    for scenario in registry.scenarios().values():
        facts = tuple(
            Fact(
                roots=(_place(truth.kind, truth.namespace or scenario.namespace, truth.name),), reasons=(truth.reason,)
            )
            for truth in scenario.truths
        )
        family = scenario.family if facts else "healthy"
        yield Case(
            id=f"demo/{scenario.id}",
            source="demo",
            family=family,
            snapshot=whole,
            namespace=scenario.namespace,
            facts=facts,
        )


def _pictures() -> Iterator[Case]:
    for name in pictures.FILES:
        yield _picture(f"pictures/{name}", "healthy", snapshot_of(*pictures.healthy(name)), ())
        for key, fault in pictures.read(name)["faults"].items():
            root, _, reason = fault["truth"].rpartition(" ")
            snapshot = snapshot_of(*pictures.broken(name, fault), logs=pictures.logs_of(fault))
            yield _picture(f"pictures/{name}-{key}", "pictures", snapshot, (Fact(roots=(root,), reasons=(reason,)),))


def _picture(case_id: str, family: str, snapshot: Snapshot, facts: tuple[Fact, ...]) -> Case:
    return Case(id=case_id, source="pictures", family=family, snapshot=snapshot, namespace=None, facts=facts)


def _recorded() -> Iterator[Case]:
    truths: Mapping[str, Any] = yaml.safe_load(TRUTHS.read_text()) if TRUTHS.exists() else {}
    for name, truth in truths.items():
        snapshot = kx.load(CORPUS / f"{name}.json.gz")
        facts = tuple(Fact(roots=tuple(one["roots"]), says=one["says"]) for one in truth.get("facts", ()))
        yield Case(
            id=f"recorded/{name}",
            source="recorded",
            family=truth["family"],
            snapshot=snapshot,
            namespace=snapshot.namespace,
            facts=facts,
        )


def _place(kind: str, namespace: str, name: str) -> str:
    is_namespaced = KINDS[kind].is_namespaced if kind in KINDS else True
    return f"{kind} {namespace}/{name}" if is_namespaced else f"{kind} {name}"


def without_logs(snapshot: Snapshot) -> Snapshot:
    """As to a user who may not read logs."""
    return replace(snapshot, logs=(), gaps=(*snapshot.gaps, Gap(what="logs", why="403 Forbidden")))


def without_events(snapshot: Snapshot) -> Snapshot:
    """As when events have expired or may not be read."""
    return _without(snapshot, ("Event",))


def with_few_rights(snapshot: Snapshot) -> Snapshot:
    """As to a user who may read namespaced objects only, and no Secrets."""
    return _without(snapshot, pictures.FORBIDDEN)


def _without(snapshot: Snapshot, kinds: tuple[str, ...]) -> Snapshot:
    gaps = tuple(Gap(what=f"{kind} objects", why="403 Forbidden", kind=kind) for kind in kinds)
    objects = {kind: items for kind, items in snapshot.objects.items() if kind not in kinds}
    return replace(snapshot, objects=objects, gaps=(*snapshot.gaps, *gaps))


VIEWS: Mapping[str, Callable[[Snapshot], Snapshot]] = {
    "all": lambda snapshot: snapshot,
    "no logs": without_logs,
    "no events": without_events,
    "few rights": with_few_rights,
}
