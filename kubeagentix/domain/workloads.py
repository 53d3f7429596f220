"""Workload controllers: what keeps pods alive, and what it says of them."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from kubeagentix.domain.meta import (
    Condition,
    IntOrString,
    LabelSelector,
    Moment,
    ObjectReference,
    Quantity,
    Resource,
    TrackedResource,
    Value,
)
from kubeagentix.domain.pods import PodTemplate
from kubeagentix.domain.storage import PersistentVolumeClaim


class RollingUpdate(Value, frozen=True):
    """`strategy.rollingUpdate`, `updateStrategy.rollingUpdate`."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    partition: int = 0


class Strategy(Value, frozen=True):
    """`spec.strategy` or `spec.updateStrategy`."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(Value, frozen=True):
    """`spec` of a Deployment."""

    replicas: int = 1
    selector: LabelSelector = field(default_factory=LabelSelector)
    template: PodTemplate = field(default_factory=PodTemplate)
    strategy: Strategy = field(default_factory=Strategy)
    paused: bool = False
    progress_deadline_seconds: int = 600
    min_ready_seconds: int = 0


class DeploymentStatus(Value, frozen=True):
    """`status` of a Deployment."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class Deployment(TrackedResource, frozen=True):
    """A Deployment."""

    kind: ClassVar[str] = "Deployment"
    spec: DeploymentSpec = field(default_factory=DeploymentSpec)
    status: DeploymentStatus = field(default_factory=DeploymentStatus)


class ReplicaSetSpec(Value, frozen=True):
    """`spec` of a ReplicaSet."""

    replicas: int = 1
    selector: LabelSelector = field(default_factory=LabelSelector)
    template: PodTemplate = field(default_factory=PodTemplate)


class ReplicaSetStatus(Value, frozen=True):
    """`status` of a ReplicaSet."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class ReplicaSet(Resource, frozen=True):
    """A ReplicaSet."""

    kind: ClassVar[str] = "ReplicaSet"
    spec: ReplicaSetSpec = field(default_factory=ReplicaSetSpec)
    status: ReplicaSetStatus = field(default_factory=ReplicaSetStatus)


class ReplicationControllerSpec(Value, frozen=True):
    """`spec` of a ReplicationController; its selector is a plain map of labels."""

    replicas: int = 1
    selector: dict[str, str] = {}
    template: PodTemplate = field(default_factory=PodTemplate)


class ReplicationController(Resource, frozen=True):
    """A ReplicationController, what ReplicaSets were before there were Deployments."""

    kind: ClassVar[str] = "ReplicationController"
    spec: ReplicationControllerSpec = field(default_factory=ReplicationControllerSpec)
    status: ReplicaSetStatus = field(default_factory=ReplicaSetStatus)


class Ordinals(Value, frozen=True):
    """`spec.ordinals` of a StatefulSet."""

    start: int = 0


class StatefulSetSpec(Value, frozen=True):
    """`spec` of a StatefulSet."""

    replicas: int = 1
    service_name: str = ""
    selector: LabelSelector = field(default_factory=LabelSelector)
    template: PodTemplate = field(default_factory=PodTemplate)
    volume_claim_templates: tuple[PersistentVolumeClaim, ...] = ()
    pod_management_policy: str = ""
    update_strategy: Strategy = field(default_factory=Strategy)
    ordinals: Ordinals = field(default_factory=Ordinals)


class StatefulSetStatus(Value, frozen=True):
    """`status` of a StatefulSet."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""


class StatefulSet(TrackedResource, frozen=True):
    """A StatefulSet."""

    kind: ClassVar[str] = "StatefulSet"
    spec: StatefulSetSpec = field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = field(default_factory=StatefulSetStatus)


class DaemonSetSpec(Value, frozen=True):
    """`spec` of a DaemonSet."""

    selector: LabelSelector = field(default_factory=LabelSelector)
    template: PodTemplate = field(default_factory=PodTemplate)
    update_strategy: Strategy = field(default_factory=Strategy)


class DaemonSetStatus(Value, frozen=True):
    """`status` of a DaemonSet."""

    observed_generation: int = 0
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    number_misscheduled: int = 0
    updated_number_scheduled: int = 0


class DaemonSet(TrackedResource, frozen=True):
    """A DaemonSet."""

    kind: ClassVar[str] = "DaemonSet"
    spec: DaemonSetSpec = field(default_factory=DaemonSetSpec)
    status: DaemonSetStatus = field(default_factory=DaemonSetStatus)


class JobSpec(Value, frozen=True):
    """`spec` of a Job."""

    parallelism: int | None = None
    completions: int | None = None
    backoff_limit: int = 6
    active_deadline_seconds: int | None = None
    suspend: bool = False
    managed_by: str = ""
    template: PodTemplate = field(default_factory=PodTemplate)


class JobStatus(Value, frozen=True):
    """`status` of a Job."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    start_time: Moment | None = None
    completion_time: Moment | None = None
    conditions: tuple[Condition, ...] = ()


JOB_LABEL = "job-name"  # which the controller puts on the pods of a Job, of whatever release it is


class Job(Resource, frozen=True):
    """A Job."""

    kind: ClassVar[str] = "Job"
    spec: JobSpec = field(default_factory=JobSpec)
    status: JobStatus = field(default_factory=JobStatus)


class JobTemplate(Value, frozen=True):
    """`spec.jobTemplate` of a CronJob."""

    spec: JobSpec = field(default_factory=JobSpec)


class CronJobSpec(Value, frozen=True):
    """`spec` of a CronJob."""

    schedule: str = ""
    time_zone: str = ""
    suspend: bool = False
    starting_deadline_seconds: int | None = None
    concurrency_policy: str = "Allow"
    successful_jobs_history_limit: int = 3
    job_template: JobTemplate = field(default_factory=JobTemplate)


class CronJobStatus(Value, frozen=True):
    """`status` of a CronJob."""

    last_schedule_time: Moment | None = None
    last_successful_time: Moment | None = None
    active: tuple[ObjectReference, ...] = ()


class CronJob(TrackedResource, frozen=True):
    """A CronJob."""

    kind: ClassVar[str] = "CronJob"
    spec: CronJobSpec = field(default_factory=CronJobSpec)
    status: CronJobStatus = field(default_factory=CronJobStatus)


class MetricTarget(Value, frozen=True):
    """`metrics[].resource.target` of an autoscaler."""

    type: str = ""


class ResourceMetric(Value, frozen=True):
    """`metrics[].resource` of an autoscaler."""

    name: str = ""
    target: MetricTarget = field(default_factory=MetricTarget)


class MetricSpec(Value, frozen=True):
    """`spec.metrics[]` of an autoscaler."""

    type: str = ""
    resource: ResourceMetric | None = None


class HpaSpec(Value, frozen=True):
    """`spec` of a HorizontalPodAutoscaler."""

    scale_target_ref: ObjectReference = field(default_factory=ObjectReference)
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[MetricSpec, ...] = ()


class HpaStatus(Value, frozen=True):
    """`status` of a HorizontalPodAutoscaler."""

    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class HorizontalPodAutoscaler(Resource, frozen=True):
    """A HorizontalPodAutoscaler (autoscaling/v2, or v2beta2 of the same shape)."""

    kind: ClassVar[str] = "HorizontalPodAutoscaler"
    spec: HpaSpec = field(default_factory=HpaSpec)
    status: HpaStatus = field(default_factory=HpaStatus)


class PdbSpec(Value, frozen=True):
    """`spec` of a PodDisruptionBudget."""

    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    selector: LabelSelector | None = None


class PdbStatus(Value, frozen=True):
    """`status` of a PodDisruptionBudget."""

    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(Resource, frozen=True):
    """A PodDisruptionBudget (policy/v1, or v1beta1 of the same shape)."""

    kind: ClassVar[str] = "PodDisruptionBudget"
    spec: PdbSpec = field(default_factory=PdbSpec)
    status: PdbStatus = field(default_factory=PdbStatus)


class ResourceQuotaStatus(Value, frozen=True):
    """`status` of a ResourceQuota."""

    hard: dict[str, Quantity] = {}
    used: dict[str, Quantity] = {}


class ResourceQuota(Resource, frozen=True):
    """A ResourceQuota."""

    kind: ClassVar[str] = "ResourceQuota"
    status: ResourceQuotaStatus = field(default_factory=ResourceQuotaStatus)


class LimitRangeItem(Value, frozen=True):
    """`spec.limits[]` of a LimitRange."""

    type: str = ""
    max: dict[str, Quantity] = {}
    min: dict[str, Quantity] = {}
    default: dict[str, Quantity] = {}
    default_request: dict[str, Quantity] = {}
    max_limit_request_ratio: dict[str, Quantity] = {}


class LimitRangeSpec(Value, frozen=True):
    """`spec` of a LimitRange."""

    limits: tuple[LimitRangeItem, ...] = ()


class LimitRange(Resource, frozen=True):
    """A LimitRange."""

    kind: ClassVar[str] = "LimitRange"
    spec: LimitRangeSpec = field(default_factory=LimitRangeSpec)
