"""The control loop of the demo cluster: after every write, everything is brought in line with what is now asked for.

It is level-triggered, as the real thing: each controller looks at the objects and not at what changed, and a change
in one (a database becomes ready) reaches the others (the programs that need it) in the next round, until a round
changes nothing. So a fault is mended by whatever would mend it in a real cluster, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubeagentix.demo import accounting, extensions, issuers, jobs, networking, replication, sets
from kubeagentix.demo.nodes import collect_orphan, sync_node
from kubeagentix.demo.pods import complete_pod
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World

ROUNDS_MAX = 8  # a chain of dependencies longer than that does not occur; two that disagree must not go on forever

_LOOPS: tuple[tuple[str, Callable[[Mapping[str, Any], World], None]], ...] = (
    ("Namespace", accounting.sync_namespace),
    ("Node", sync_node),
    ("PersistentVolumeClaim", accounting.sync_claim),
    ("Deployment", replication.sync_deployment),
    ("StatefulSet", sets.sync_stateful_set),
    ("DaemonSet", sets.sync_daemon_set),
    ("Job", jobs.sync_job),
    ("CronJob", jobs.sync_cron_job),
    ("Service", networking.sync_service),
    ("Ingress", networking.sync_ingress),
    ("APIService", extensions.sync_api_service),
    ("Issuer", issuers.sync_issuer),
    ("Certificate", issuers.sync_certificate),
    ("HorizontalPodAutoscaler", accounting.sync_autoscaler),
    ("PodDisruptionBudget", accounting.sync_budget),
    ("ResourceQuota", accounting.sync_quota),
)


class Controllers:
    """The simulated control plane of one store."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._is_busy = False

    def watch(self) -> None:
        """From now on, answer every write that comes through the API."""
        self.world.is_history = False
        self.world.store.on_change(self._changed)

    def settle(self, namespace: str | None = None) -> None:
        """Run rounds until one changes nothing; of one namespace only, if given."""
        self._is_busy = True
        try:
            for _ in range(ROUNDS_MAX):
                before = self.world.store.revision
                self._round(namespace)
                if self.world.store.revision == before:
                    return
        finally:
            self._is_busy = False

    def _changed(self, _: str, __: Manifest | None, new: Manifest | None) -> None:
        if self._is_busy or (new is not None and new["kind"] == "Event"):
            return
        self.world.clock = self.world.now
        self.settle()
        accounting.sync_metrics(self.world)

    def _round(self, namespace: str | None) -> None:
        world = self.world
        for kind, sync in _LOOPS:
            if not world.store.catalog.has(kind):  # nobody has defined it
                continue
            served = world.store.catalog.named(kind)
            for obj in world.all(kind, namespace if served.is_namespaced else None):
                live = world.find(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
                if live is not None:
                    sync(live, world)
        for replica_set in world.all("ReplicaSet", namespace):
            if not replica_set["metadata"].get("ownerReferences"):
                replication.sync_replica_set(replica_set, world)
        for pod in world.all("Pod", namespace):
            collect_orphan(pod, world)
        for pod in world.all("Pod", namespace):
            if not pod["metadata"].get("ownerReferences") and (pod.get("status") or {}).get("phase") not in (
                "Succeeded",
                "Failed",
            ):
                self._sync_bare_pod(pod)

    def _sync_bare_pod(self, pod: Mapping[str, Any]) -> None:
        complete = plain_copy(pod)
        complete.setdefault("status", {})
        if "serviceAccountName" not in complete["spec"]:
            complete_pod(complete)
        replication.sync_pod(complete, self.world)
