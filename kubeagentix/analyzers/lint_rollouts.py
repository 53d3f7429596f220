"""Advice on rollouts that leave nobody to serve: Recreate, and DaemonSets that replace all pods at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.meta import IntOrString
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import DaemonSet, Deployment

ID = "lint-rollouts"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding of severity `info` per workload."""
    for deployment in snapshot.all(Deployment):
        yield from _recreated(snapshot, deployment)
    for daemon in snapshot.all(DaemonSet):
        yield from _all_at_once(snapshot, daemon)


def _recreated(snapshot: Snapshot, deployment: Deployment) -> Iterator[Finding]:
    replicas = deployment.spec.replicas
    if deployment.spec.strategy.type == "Recreate" and replicas > 1:
        remarks = [Remark(seen=f"strategy Recreate with {replicas} replicas", locator="spec.strategy.type")]
        title, why = "rollouts take it down", "Every rollout stops all of them before the first new one starts."
        yield advice(ID, "Recreate", snapshot.ref(deployment), title=title, why=why, remarks=remarks)


def _all_at_once(snapshot: Snapshot, daemon: DaemonSet) -> Iterator[Finding]:
    rolling, nodes = daemon.spec.update_strategy.rolling_update, daemon.status.desired_number_scheduled
    if rolling is None or rolling.max_unavailable is None or nodes < 2:
        return
    if _count(rolling.max_unavailable, nodes) >= nodes:
        locator = "spec.updateStrategy.rollingUpdate.maxUnavailable"
        remarks = [Remark(seen=f"maxUnavailable {rolling.max_unavailable} of {nodes} nodes", locator=locator)]
        title, why = "rollouts may take it down", "All pods may go at once, also for one that cannot start."
        yield advice(ID, "MaxUnavailableAll", snapshot.ref(daemon), title=title, why=why, remarks=remarks)


def _count(value: IntOrString, nodes: int) -> int:
    """What a number or a percentage comes to; a DaemonSet's is rounded up. Source: pkg/controller/daemon/update.go."""
    if isinstance(value, int):
        return value
    share = value.removesuffix("%")
    return math.ceil(int(share) * nodes / 100) if share.isdecimal() else 0


plugin = AnalyzerPlugin(id=ID, title="Advice on rollouts", analyze=analyze, is_lint=True)
