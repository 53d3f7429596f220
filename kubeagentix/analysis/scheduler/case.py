"""One pod that no node takes, and the form in which its obstacle is explained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.scheduler.placement import Choice, Cluster
from kubeagentix.domain.diagnosis import Remedy, ResourceRef
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod

NAMES_SHOWN = 4  # of nodes, pods or values; more of them do not fit a sentence
_REPLACE = "this part of it cannot be changed in place: delete it and make it anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is said of one obstacle. `reason` is what comes after `Unschedulable/` (empty: nothing).

    `phrase` tells it in a title, with names; "" where the obstacle's own name is all that is known.
    """

    reason: str
    cause: str
    phrase: str = ""
    points_at: tuple[ResourceRef, ...] = ()
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A pod that no node takes: where, what it belongs to, and the obstacle that was chosen."""

    cluster: Cluster
    pod: Pod
    workload: ResourceRef
    choice: Choice

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that the obstacle keeps the pod off."""
        return self.cluster.worked_out(kept_off, self.choice)

    def change(self, title: str, why: str = "") -> Remedy:
        """A remedy that edits what the pod is made from; a pod and a Job cannot be changed in place."""
        is_fixed = self.workload.kind in ("Pod", "Job")
        return kubectl.edit(self.workload, title, why=why or (_REPLACE if is_fixed else ""))


def listed(names: Iterable[str]) -> str:
    """`a, b, c, d and 3 more`."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - NAMES_SHOWN} more" if len(every) > NAMES_SHOWN else ""
    return ", ".join(every[:NAMES_SHOWN]) + more


def kept_off(cluster: Cluster, choice: Choice) -> tuple[Node, ...]:
    """The nodes that an obstacle keeps a pod off; all of them where that is not known."""
    names = {*choice.nodes}
    return tuple(node for node in cluster.nodes if node.name in names) or cluster.nodes


def others(case: Case) -> str:
    """Why the nodes that the obstacle does not stand for would not take the pod either."""
    return case.cluster.worked_out(_others, case.choice)


def _others(_: Cluster, choice: Choice) -> str:
    groups: dict[str, list[str]] = {}
    chosen = {*choice.nodes}
    for name, found in choice.refusals.items():
        if name not in chosen and found:
            words = " and ".join(str(item) for item in found)
            groups.setdefault(words, []).append(name)
    if not groups:
        return ""
    return f" Other nodes: {'; '.join(f'{listed(names)} ({words})' for words, names in groups.items())}."
