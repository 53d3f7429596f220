"""Pods: the fields of spec and status that explain why a container does not run."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from kubeagentix.domain.meta import (
    Condition,
    IntOrString,
    LabelSelector,
    LabelSelectorRequirement,
    LocalReference,
    Metadata,
    Moment,
    Quantity,
    Resource,
    Value,
)
from kubeagentix.domain.volumes import Volume


class KeySelector(Value, frozen=True):
    """`configMapKeyRef` or `secretKeyRef`."""

    name: str = ""
    key: str = ""
    optional: bool = False


class EnvVarSource(Value, frozen=True):
    """`env[].valueFrom`."""

    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(Value, frozen=True):
    """`env[]`; `value` is kept because names of other services hide in it."""

    name: str = ""
    value: str = ""
    value_from: EnvVarSource | None = None


class EnvFromReference(Value, frozen=True):
    """`envFrom[].configMapRef` or `.secretRef`."""

    name: str = ""
    optional: bool = False


class EnvFrom(Value, frozen=True):
    """`envFrom[]`."""

    prefix: str = ""
    config_map_ref: EnvFromReference | None = None
    secret_ref: EnvFromReference | None = None


class ContainerPort(Value, frozen=True):
    """`ports[]`."""

    name: str = ""
    container_port: int = 0
    host_port: int = 0
    protocol: str = "TCP"


class HttpGet(Value, frozen=True):
    """`httpGet` of a probe."""

    path: str = ""
    port: IntOrString = 0
    host: str = ""
    scheme: str = ""


class SocketAction(Value, frozen=True):
    """`tcpSocket` or `grpc` of a probe."""

    port: IntOrString = 0
    host: str = ""
    service: str = ""


class ExecAction(Value, frozen=True):
    """`exec` of a probe."""

    command: tuple[str, ...] = ()


class Probe(Value, frozen=True):
    """A readiness, liveness or startup probe, with the server's defaults."""

    http_get: HttpGet | None = None
    tcp_socket: SocketAction | None = None
    grpc: SocketAction | None = None
    exec: ExecAction | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3

    @property
    def port(self) -> IntOrString | None:
        """The port it asks, by number or name; None for exec probes."""
        action = self.http_get or self.tcp_socket or self.grpc
        return action.port if action else None


class Handler(Value, frozen=True):
    """`lifecycle.postStart` or `.preStop`."""

    exec: ExecAction | None = None
    http_get: HttpGet | None = None


class Lifecycle(Value, frozen=True):
    """`lifecycle`."""

    post_start: Handler | None = None


class Resources(Value, frozen=True):
    """`resources`."""

    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}


class VolumeMount(Value, frozen=True):
    """`volumeMounts[]`."""

    name: str = ""
    mount_path: str = ""
    sub_path: str = ""
    read_only: bool = False


class Capabilities(Value, frozen=True):
    """`securityContext.capabilities`."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SecurityContext(Value, frozen=True):
    """Of a container or a pod; None means not set."""

    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    privileged: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    fs_group: int | None = None
    capabilities: Capabilities | None = None


class Container(Value, frozen=True):
    """`spec.containers[]`, and init and ephemeral ones."""

    name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources = field(default_factory=Resources)
    volume_mounts: tuple[VolumeMount, ...] = ()
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    security_context: SecurityContext | None = None
    restart_policy: str = ""


class Toleration(Value, frozen=True):
    """`spec.tolerations[]`."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class NodeSelectorTerm(Value, frozen=True):
    """`nodeSelectorTerms[]`."""

    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    match_fields: tuple[LabelSelectorRequirement, ...] = ()


class NodeSelector(Value, frozen=True):
    """Terms of which one must match."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(Value, frozen=True):
    """`affinity.nodeAffinity`."""

    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(Value, frozen=True):
    """A required pod (anti-)affinity term."""

    label_selector: LabelSelector | None = None
    topology_key: str = ""
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None


class PodAffinity(Value, frozen=True):
    """`affinity.podAffinity` or `.podAntiAffinity`."""

    required: tuple[PodAffinityTerm, ...] = field(default=(), name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(Value, frozen=True):
    """`spec.affinity`."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpreadConstraint(Value, frozen=True):
    """`spec.topologySpreadConstraints[]`."""

    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None


class SchedulingGate(Value, frozen=True):
    """`spec.schedulingGates[]`."""

    name: str = ""


class ReadinessGate(Value, frozen=True):
    """`spec.readinessGates[]`."""

    condition_type: str = ""


class DnsConfig(Value, frozen=True):
    """`spec.dnsConfig`."""

    nameservers: tuple[str, ...] = ()


class HostAlias(Value, frozen=True):
    """`spec.hostAliases[]`."""

    ip: str = ""
    hostnames: tuple[str, ...] = ()


class PodSpec(Value, frozen=True):
    """`spec` of a pod or of a workload's template."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    readiness_gates: tuple[ReadinessGate, ...] = ()
    restart_policy: str = "Always"
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    image_pull_secrets: tuple[LocalReference, ...] = ()
    host_network: bool = False
    host_pid: bool = field(default=False, name="hostPID")
    host_ipc: bool = field(default=False, name="hostIPC")
    dns_policy: str = ""
    dns_config: DnsConfig | None = None
    host_aliases: tuple[HostAlias, ...] = ()
    priority_class_name: str = ""
    priority: int | None = None
    runtime_class_name: str = ""
    scheduler_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    security_context: SecurityContext | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    overhead: dict[str, Quantity] = {}
    resources: Resources | None = None  # of the whole pod, from 1.32 on


class PodTemplate(Value, frozen=True):
    """`spec.template` of a workload."""

    metadata: Metadata = field(default_factory=Metadata)
    spec: PodSpec = field(default_factory=PodSpec)


class WaitingState(Value, frozen=True):
    """`state.waiting`."""

    reason: str = ""
    message: str = ""


class RunningState(Value, frozen=True):
    """`state.running`."""

    started_at: Moment | None = None


class TerminatedState(Value, frozen=True):
    """`state.terminated` or `lastState.terminated`."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: Moment | None = None
    finished_at: Moment | None = None

    @property
    def lifetime_s(self) -> float | None:
        """Seconds from start to end, or None when either is unknown."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class ContainerState(Value, frozen=True):
    """`state` or `lastState`; at most one of the three is set."""

    waiting: WaitingState | None = None
    running: RunningState | None = None
    terminated: TerminatedState | None = None


class ContainerStatus(Value, frozen=True):
    """`status.containerStatuses[]`, and init ones."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = field(default="", name="imageID")
    state: ContainerState = field(default_factory=ContainerState)
    last_state: ContainerState = field(default_factory=ContainerState)


class PodStatus(Value, frozen=True):
    """`status` of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    start_time: Moment | None = None
    pod_ip: str = field(default="", name="podIP")
    host_ip: str = field(default="", name="hostIP")
    nominated_node_name: str = ""


class Pod(Resource, frozen=True):
    """A pod."""

    kind: ClassVar[str] = "Pod"
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)

    @property
    def is_ready(self) -> bool:
        """Whether condition Ready is True."""
        for item in self.status.conditions:  # asked many times of every pod
            if item.type == "Ready":
                return item.status == "True"
        return False

    @property
    def is_finished(self) -> bool:
        """Whether all containers ended and will not be started again (phase Succeeded or Failed)."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def is_terminating(self) -> bool:
        """Whether somebody asked for its deletion."""
        return self.metadata.deletion_timestamp is not None

    @property
    def is_live(self) -> bool:
        """Whether it is neither finished nor being deleted."""
        return self.metadata.deletion_timestamp is None and self.status.phase not in ("Succeeded", "Failed")

    def containers(self) -> tuple[tuple[Container, ContainerStatus | None, bool], ...]:
        """(container, status or None, is_init) of init containers first, then of the others, in spec order."""
        init = {status.name: status for status in self.status.init_container_statuses}
        main = {status.name: status for status in self.status.container_statuses}
        return tuple((spec, init.get(spec.name), True) for spec in self.spec.init_containers) + tuple(
            (spec, main.get(spec.name), False) for spec in self.spec.containers
        )
