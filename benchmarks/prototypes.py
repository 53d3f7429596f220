"""One application of each sort that a synthetic cluster is made of: healthy ones, and ones broken in a known way.

They are written as the demo's scenarios are, so that its simulated control plane makes what a cluster would make of
them: ReplicaSets, pods, statuses, events and logs. `APP` stands for the name that an application is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.contracts import Truth
from kubeagentix.demo.apps import App, Failure, lacks_env
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container, from_secret

APP = "q0app"
REGISTRY = "registry.example.com/platform"
REPLICAS = 5  # of a healthy application; a broken one has one pod
AGE = "50m"  # so that the events of all pods are still kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Prototype:
    """What to build in a namespace of its own, and what is then wrong there (None: nothing)."""

    id: str
    build: Callable[[Kit], None]
    truth: Truth | None = None

    @property
    def pods(self) -> int:
        """How many pods it has."""
        return REPLICAS if self.truth is None else 1


def _main(image: str, **fields: Any) -> Mapping[str, Any]:
    """A container as a platform team's chart writes it, with some variables."""
    variables: dict[str, Any] = {
        "POD_NAME": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
        "POD_NAMESPACE": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        "HOST_IP": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.hostIP"}},
        "SIGNING_KEY": from_secret(f"{APP}-keys", "signing"),
        "LOG_LEVEL": {"configMapKeyRef": {"name": f"{APP}-settings", "key": "log-level"}},
        "OTEL_SERVICE_NAME": APP,
        "OTEL_RESOURCE_ATTRIBUTES": f"service.version=4.12.1,deployment.environment=production,team={APP}",
        "JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=70 -XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8",
        "FEATURE_BULK_EXPORT": "enabled",
    }
    given = {"port": 8080, "liveness": "/healthz", "env": variables, **fields}
    restricted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
    return {**container("main", f"{REGISTRY}/{image}", **given), "securityContext": restricted}


def _pod() -> dict[str, Any]:
    spread = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    return {"topologySpreadConstraints": [{**spread, "labelSelector": {"matchLabels": {"app": APP}}}]}


def _labels() -> dict[str, str]:
    return {
        "app.kubernetes.io/instance": APP,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": "4.12.1",
        "helm.sh/chart": "service-2.31.0",
    }


def _deploy(kit: Kit, main: Mapping[str, Any], app: App, **fields: Any) -> None:
    """The Deployment with what belongs to it: Service, ConfigMap, Secret."""
    kit.config_map(f"{APP}-settings", age=AGE, **{"log-level": "info", "application.yaml": "server:\n  port: 8080\n"})
    kit.secret(f"{APP}-keys", age=AGE, signing="c3ludGhldGlj")
    given = {"replicas": 1, "age": AGE, "labels": _labels(), "pod": _pod(), **fields}
    kit.deployment(APP, dict(main), app=app, **given)


def _healthy(kit: Kit) -> None:
    _deploy(kit, _main("orders:4.12.1"), _LISTENING, replicas=REPLICAS)
    kit.service(APP, age=AGE)


def _healthy_with_proxy(kit: Kit) -> None:
    proxy = container("proxy", f"{REGISTRY}/envoy:1.35.0", port=15090, port_name="metrics", readiness="")
    kit.config_map(f"{APP}-settings", age=AGE, **{"log-level": "info", "routes.json": "[]"})
    kit.secret(f"{APP}-keys", age=AGE, signing="c3ludGhldGlj")
    main = dict(_main("catalog:2.0.7"))
    kit.deployment(APP, main, proxy, app={"main": _LISTENING}, replicas=REPLICAS, age=AGE, labels=_labels(), pod=_pod())
    kit.service(APP, age=AGE)


def _image_tag_missing(kit: Kit) -> None:
    image = f"{APP}:9.9.9"
    kit.registry_lacks(f"{REGISTRY}/{image}")
    _deploy(kit, _main(image), _LISTENING)
    kit.service(APP, age=AGE)


def _out_of_memory(kit: Kit) -> None:
    app = App(listens=(8080,), memory="410Mi", takes_s=44, log=('{at} level=info msg="resizing" object=8812.tiff',))
    _deploy(kit, _main("thumbnails:2.2.0", limits={"memory": "256Mi"}), app)
    kit.service(APP, age=AGE)


def _variable_missing(kit: Kit) -> None:
    said = ("{at} INFO  loading configuration from environment", "{at} FATAL configuration: DATABASE_URL not set")
    app = App(listens=(8080,), failures=(Failure(when=lacks_env("DATABASE_URL"), log=said),))
    _deploy(kit, _main("checkout:2.8.1"), app)
    kit.service(APP, age=AGE)


def _config_map_missing(kit: Kit) -> None:
    _deploy(kit, _main("pricing:1.14.0", envFrom=[{"configMapRef": {"name": f"{APP}-limits"}}]), _LISTENING)
    kit.service(APP, age=AGE)


def _too_little_cpu(kit: Kit) -> None:
    _deploy(kit, _main("forecast:4.1.0", requests={"cpu": "12", "memory": "1Gi"}, limits={"memory": "1Gi"}), _LISTENING)
    kit.service(APP, age=AGE)


def _readiness_port(kit: Kit) -> None:
    probe = {"httpGet": {"path": "/actuator/health", "port": 8081}, "periodSeconds": 10}
    _deploy(kit, _main("profiles:11.0.2", readinessProbe=probe), _LISTENING)
    kit.service(APP, age=AGE)


def _selector_mismatch(kit: Kit) -> None:
    _deploy(kit, _main("loyalty:2.0.0"), _LISTENING)
    kit.service(APP, selector={"app": APP, "version": "v1"}, age=AGE)


def _claim_class_missing(kit: Kit) -> None:
    kit.claim(f"{APP}-data", "50Gi", storage_class=f"{APP}-ssd", age=AGE)
    main = {**_main("recorder:1.1.6"), "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": f"{APP}-data"}}]
    _deploy(kit, main, _LISTENING, pod={**_pod(), "volumes": volumes}, strategy={"type": "Recreate"})
    kit.service(APP, age=AGE)


_LISTENING = App(listens=(8080,), log=("{at} INFO  started in 4.812 seconds", "{at} INFO  listening on :8080"))

HEALTHY = (
    Prototype(id="service", build=_healthy),
    Prototype(id="with-proxy", build=_healthy_with_proxy),
)
BROKEN = tuple(
    Prototype(
        id=build.__name__.strip("_").replace("_", "-"), build=build, truth=Truth(kind=kind, name=name, reason=why)
    )
    for build, kind, name, why in (
        (_image_tag_missing, "Deployment", APP, "ImagePullBackOff/TagNotFound"),
        (_out_of_memory, "Deployment", APP, "OOMKilled"),
        (_variable_missing, "Deployment", APP, "CrashLoopBackOff/MissingVariable"),
        (_config_map_missing, "Deployment", APP, "CreateContainerConfigError/ConfigMapNotFound"),
        (_too_little_cpu, "Deployment", APP, "Unschedulable/InsufficientCpu"),
        (_readiness_port, "Deployment", APP, "Unhealthy/Readiness"),
        (_selector_mismatch, "Service", APP, "NoEndpoints/SelectorMismatch"),
        (_claim_class_missing, "PersistentVolumeClaim", f"{APP}-data", "ClaimPending/StorageClassNotFound"),
    )
)
