"""What a worker sends home about one cluster: small, picklable, masked, and without a credential.

The parts that all clusters are compared by (root causes, rows of the table, gaps) are plain values; the whole Diagnosis
comes along compressed, and is made again only where somebody looks at it, so that thousands of reports fit in memory.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubeagentix.domain import codec
from kubeagentix.domain.diagnosis import Gap, ResourceRef, Severity
from kubeagentix.quickdx.diagnosis import Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do: a command, and whether it changes the cluster."""

    title: str
    command: str
    is_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCause:
    """A hypothesis of one cluster, with what it can be told by that it is the same elsewhere.

    `shared` is what lies outside of the cluster and is blamed, such as a registry; `image` the one that is at fault,
    `images` those that the workload runs.
    """

    id: str
    title: str
    summary: str
    reason: str
    severity: Severity
    confidence: float
    root: ResourceRef
    symptoms: int
    shared: ResourceRef | None = None
    image: str = ""
    images: tuple[str, ...] = ()
    since: datetime | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClusterReport:
    """One cluster: what is wrong in it, or `why` it could not be asked. `name` is the one that it has in the fleet.

    `identity` is the same for one cluster whoever asks it, and empty where that is not known. `rows` are those of the
    table, `counts` the objects read by kind, `where` the options of kubectl that lead to it, `seconds` what the worker
    took for it, `worker` its host and process. `attempts`: how often it was begun, as work may be lost.
    """

    name: str
    server: str = ""
    why: str = ""
    code: str = ""
    identity: str = ""
    roots: tuple[RootCause, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    severities: dict[str, int] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    seconds: float = 0.0
    worker: str = ""
    attempts: int = 1
    is_lost: bool = False  # it broke off, and may well succeed if it is begun again
    packed: bytes = b""

    def __repr__(self) -> str:
        found = self.why or f"{len(self.roots)} root causes, {len(self.rows)} findings, {len(self.gaps)} gaps"
        return f"<ClusterReport of {self.name}: {found}>"

    @property
    def is_read(self) -> bool:
        """Whether anything of the cluster was read."""
        return not self.why

    @property
    def is_absent(self) -> bool:
        """Whether the cluster answered that it has no such namespace."""
        return self.code == "no_namespace"

    @property
    def is_healthy(self) -> bool:
        """Whether all was read, and nothing of severity warning or above was found."""
        serious = sum(count for severity, count in self.severities.items() if severity != Severity.INFO.value)
        return self.is_read and not self.gaps and not serious

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The whole of it, made anew at each look; None where the cluster could not be asked."""
        return codec.loads(Diagnosis, zlib.decompress(self.packed).decode()) if self.packed else None


def packed(diagnosis: Diagnosis) -> bytes:
    """A Diagnosis as a report carries it."""
    return zlib.compress(codec.dumps(diagnosis).encode(), 6)
