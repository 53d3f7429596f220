"""Which requests and limits of a pod a LimitRange set, where its template is silent."""

from __future__ import annotations

from typing import Literal

from kubeagentix.domain.meta import Quantity
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import LimitRange

_ANNOTATION = "kubernetes.io/limit-ranger"  # tells what the admission plugin set


def is_set_by_limit_range(pod: Pod, resource: str, what: Literal["request", "limit"], container: str = "") -> bool:
    """Whether a LimitRange set that request or limit, of one container or ("") of any."""
    # `LimitRanger plugin set: cpu, memory request for container app; cpu limit for container app`
    said = pod.metadata.annotations.get(_ANNOTATION, "").partition(":")[2]
    for part in said.split(";"):
        names, is_it, owner = part.partition(f" {what} for ")
        is_meant = bool(is_it) and (not container or owner.rpartition(" ")[2] == container)
        if is_meant and resource in (item.strip() for item in names.split(",")):
            return True
    return False


def giver_of_limit(snapshot: Snapshot, namespace: str, resource: str, amount: Quantity) -> LimitRange | None:
    """The LimitRange that gives containers without a limit of that resource one of `amount`, if it is one alone."""
    given = [
        item
        for item in snapshot.in_namespace(LimitRange, namespace)
        if any(part.type == "Container" and part.default.get(resource) == amount for part in item.spec.limits)
    ]
    return given[0] if len(given) == 1 else None
