"""The pod templates of a snapshot, one per workload, so that a rule about a pod's spec is asked once of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import (
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)

_MIRROR = "kubernetes.io/config.mirror"  # the API's image of a pod that a kubelet runs from a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A pod template: whose, its spec and labels, and how many pods are wanted (0: none now)."""

    workload: ResourceRef
    spec: PodSpec
    labels: dict[str, str]
    wanted: int

    @property
    def namespace(self) -> str:
        """The namespace its pods run in."""
        return self.workload.namespace


def templates(snapshot: Snapshot) -> tuple[Template, ...]:
    """The template of every workload that nothing else controls; for unknown controllers, that of a pod of theirs."""
    return snapshot.derived(_templates)


def _templates(snapshot: Snapshot) -> tuple[Template, ...]:
    return tuple(_found(snapshot))


def _found(snapshot: Snapshot) -> Iterator[Template]:
    known: set[ResourceRef] = set()
    for template in (*_controllers(snapshot), *_batch(snapshot)):
        known.add(template.workload)
        yield template
    for workload, pods in snapshot.pods_by_workload.items():
        live = [pod for pod in pods if pod.is_live] if workload not in known else []
        if live and not is_static(live[0]):
            newest = live[-1]
            yield Template(workload=workload, spec=newest.spec, labels=newest.metadata.labels, wanted=len(live))


def is_static(pod: Pod) -> bool:
    """Whether a kubelet runs the pod from a file on its node."""
    return _MIRROR in pod.metadata.annotations or (pod.controller is not None and pod.controller.kind == "Node")


def _controllers(snapshot: Snapshot) -> Iterator[Template]:
    replicated: tuple[Deployment | StatefulSet | ReplicaSet | ReplicationController, ...] = (
        *snapshot.all(Deployment),
        *snapshot.all(StatefulSet),
        *snapshot.all(ReplicaSet),
        *snapshot.all(ReplicationController),
    )
    for item in replicated:
        if item.controller is None:
            yield Template(
                workload=snapshot.ref(item),
                spec=item.spec.template.spec,
                labels=item.spec.template.metadata.labels,
                wanted=item.spec.replicas,
            )
    for daemon in snapshot.all(DaemonSet):
        if daemon.controller is None:
            yield Template(
                workload=snapshot.ref(daemon),
                spec=daemon.spec.template.spec,
                labels=daemon.spec.template.metadata.labels,
                wanted=daemon.status.desired_number_scheduled,
            )


def _batch(snapshot: Snapshot) -> Iterator[Template]:
    for job in snapshot.all(Job):
        if job.controller is None:
            ended = any(item.type in ("Complete", "Failed") and item.status == "True" for item in job.status.conditions)
            yield Template(
                workload=snapshot.ref(job),
                spec=job.spec.template.spec,
                labels=job.spec.template.metadata.labels,
                wanted=0 if job.spec.suspend or ended else 1,
            )
    for cron in snapshot.all(CronJob):
        if cron.controller is None:
            template = cron.spec.job_template.spec.template
            yield Template(
                workload=snapshot.ref(cron),
                spec=template.spec,
                labels=template.metadata.labels,
                wanted=0 if cron.spec.suspend else 1,
            )
