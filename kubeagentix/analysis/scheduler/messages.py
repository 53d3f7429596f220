"""Reads what the scheduler writes: `0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had taint …`.

A message is a sum over nodes: each clause counts the nodes that one filter turned away. Only the first filter that
refuses a node is counted for it (resources apart, which are all listed), so a count alone does not name the cause;
`placement` holds the clauses against the nodes. The wordings of 1.18 to 1.36 are understood.

Source: `ErrReason…` in pkg/scheduler/framework/plugins/*, FitError in pkg/scheduler/framework/types.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class ObstacleKind(StrEnum):
    """Why a node, or the cluster, does not take a pod."""

    NODE_SELECTOR = "node selector or affinity"
    TAINT = "taint"
    NODE_CONDITION = "node condition"
    CORDONED = "cordoned"
    RESOURCE = "resource"
    TOO_MANY_PODS = "too many pods"
    HOST_PORT = "host port"
    POD_AFFINITY = "pod affinity"
    POD_ANTI_AFFINITY = "pod anti-affinity"
    POD_AFFINITY_OR_ANTI = "pod affinity or anti-affinity"  # up to 1.21 the scheduler did not always say which
    TOPOLOGY_SPREAD = "topology spread"
    VOLUME_NODE_AFFINITY = "volume node affinity"
    VOLUME_LIMIT = "too many volumes"
    CLAIM_UNBOUND = "unbound claim"
    CLAIM_NOT_FOUND = "missing claim"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One constraint. `detail`: the resource's name, the taint's key or the claim's name, where the kind has one."""

    kind: ObstacleKind
    detail: str = ""

    def __str__(self) -> str:
        if self.kind is ObstacleKind.RESOURCE:
            return f"not enough {self.detail}"
        if self.kind is ObstacleKind.OTHER:
            return self.detail
        return f"{self.kind.value} {self.detail}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One part of a message: an obstacle and the number of nodes that it turned away (None: the whole pod)."""

    obstacle: Obstacle
    count: int | None
    text: str


# What comes after the clauses: the outcome of preemption, in some versions after a remark of the DRA plugin.
_PREEMPTION = re.compile(r"[.,]*\s*(?:[a-z][^.:{}\"]*,\s*)?\.{0,3}preemption:.*$", re.DOTALL)
_PREFIX = re.compile(r"^.*?\d+/\d+ nodes are available:\s*", re.DOTALL)
_NEXT_CLAUSE = re.compile(r",\s+(?=\d+\s)")
_COUNT = re.compile(r"^(\d+)\s+(.*)$", re.DOTALL)

# A taint's key says whether the taint stands for the node's own trouble, see kubernetes.io/docs/reference/labels-…
CONDITION_TAINTS = frozenset(
    f"node.kubernetes.io/{word}"
    for word in (
        "not-ready",
        "unreachable",
        "memory-pressure",
        "disk-pressure",
        "pid-pressure",
        "network-unavailable",
        "out-of-service",
    )
) | {"node.cloudprovider.kubernetes.io/uninitialized", "node.cloudprovider.kubernetes.io/shutdown"}
CORDON_TAINT = "node.kubernetes.io/unschedulable"

_K = ObstacleKind
_WORDINGS: tuple[tuple[re.Pattern[str], ObstacleKind], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"Too many pods|Insufficient pods", _K.TOO_MANY_PODS),
        (r"Insufficient (?P<detail>[\w./-]+)", _K.RESOURCE),
        (r"(?:untolerated taint|had taints?) ?\{(?P<detail>[^:}]+)", _K.TAINT),
        (r"untolerated taint|taints? that the pod didn't tolerate", _K.TAINT),
        (r"(?:were|was) unschedulable", _K.CORDONED),
        (r"were not ready|were out of disk|had unknown conditions|had .* pressure", _K.NODE_CONDITION),
        (r"match (?:Pod's )?node (?:affinity|selector)|match scheduling requirements", _K.NODE_SELECTOR),
        (r"match the requested (?:node name|hostname)", _K.NODE_SELECTOR),
        (r"plugin\(s\) \[[^\]]*NodeAffinity", _K.NODE_SELECTOR),
        (r"free ports for the requested pod ports", _K.HOST_PORT),
        (r"existing pods anti-affinity|match pod anti-affinity", _K.POD_ANTI_AFFINITY),
        (r"match pod affinity rules", _K.POD_AFFINITY),
        (r"pod affinity/anti-affinity", _K.POD_AFFINITY_OR_ANTI),
        (r"topology spread constraints", _K.TOPOLOGY_SPREAD),
        (r"volume node affinity conflict|no available volume zone", _K.VOLUME_NODE_AFFINITY),
        (r"exceed max volume count", _K.VOLUME_LIMIT),
        (r"persistentvolumeclaim \"(?P<detail>[^\"]+)\" not found", _K.CLAIM_NOT_FOUND),
        (r"to create the persistentvolumeclaim \"(?P<detail>[^\"]+)\"", _K.CLAIM_NOT_FOUND),
        (r"unbound (?:immediate )?PersistentVolumeClaims|available persistent volumes to bind", _K.CLAIM_UNBOUND),
        (r"non-existent (?:pv|persistentvolume)|could not find v1\.PersistentVolume ", _K.CLAIM_UNBOUND),
        (r"binding volumes: ", _K.CLAIM_UNBOUND),
    )
)


def read_clauses(message: str) -> tuple[Clause, ...]:
    """The clauses of a FailedScheduling message, in its order; what preemption said is left out."""
    body = _PREEMPTION.sub("", message.strip())
    body = _PREFIX.sub("", body).rstrip(". ")
    clauses = tuple(_clauses(body))
    specific = {clause.obstacle.kind for clause in clauses} & {_K.POD_AFFINITY, _K.POD_ANTI_AFFINITY}
    # 1.20 counts such a node twice: once by the general wording, once by the specific one.
    return tuple(c for c in clauses if not (specific and c.obstacle.kind is _K.POD_AFFINITY_OR_ANTI))


def _clauses(body: str) -> Iterator[Clause]:
    for part in _NEXT_CLAUSE.split(body):
        if not part.strip():
            continue
        counted = _COUNT.match(part.strip())
        text = counted[2] if counted else part.strip()
        yield Clause(obstacle=_obstacle(text), count=int(counted[1]) if counted else None, text=part.strip())


def _obstacle(text: str) -> Obstacle:
    for pattern, kind in _WORDINGS:
        if match := pattern.search(text):
            detail = match.groupdict().get("detail") or ""
            return taint_obstacle(detail) if kind is _K.TAINT else Obstacle(kind=kind, detail=detail)
    return Obstacle(kind=_K.OTHER, detail=text[:80])


def taint_obstacle(key: str) -> Obstacle:
    """What a taint of that key stands for: a cordon, the node's own trouble, or somebody's reservation."""
    if key == CORDON_TAINT:
        return Obstacle(kind=_K.CORDONED)
    if key in CONDITION_TAINTS:
        return Obstacle(kind=_K.NODE_CONDITION)
    return Obstacle(kind=_K.TAINT, detail=key)
