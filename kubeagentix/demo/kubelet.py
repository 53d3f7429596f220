"""The simulated kubelet: what becomes of a pod, found out from the live objects and what its programs need.

The answer is a value, a PodOutcome; `statuses.py` writes it down as a real kubelet would. Two equal outcomes mean
that nothing changed. Messages follow kubelet 1.34 with containerd 2.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kubeagentix.demo import scheduler
from kubeagentix.demo.access import Access, account_user
from kubeagentix.demo.apps import App, Failure, Reach
from kubeagentix.demo.policies import reach, reaches_name_server
from kubeagentix.demo.world import World
from kubeagentix.domain.quantities import format_bytes, quantity_or_zero

State = Literal["running", "waiting", "crashing", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOutcome:
    """What becomes of one container. `reason` and `message` are of its waiting or terminated state."""

    name: str
    state: State
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    run_s: int = 0
    log: tuple[str, ...] = ()
    is_ready: bool = False
    is_sidecar: bool = False
    probe: str = ""  # Readiness, Liveness or Startup, if that one fails
    probe_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodOutcome:
    """What becomes of a pod: bound to `node` or not (`unscheduled` says why), and its containers' fates."""

    node: str = ""
    unscheduled: str = ""
    mounts: tuple[str, ...] = ()  # messages of FailedMount
    evicted: str = ""
    init: tuple[ContainerOutcome, ...] = ()
    containers: tuple[ContainerOutcome, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether every container is ready."""
        sidecars = (item for item in self.init if item.is_sidecar)
        return bool(self.containers) and all(item.is_ready for item in (*sidecars, *self.containers))

    @property
    def phase(self) -> str:
        """`status.phase`."""
        states = [item.state for item in self.containers]
        if self.evicted or any(item.state == "failed" for item in self.init):
            return "Failed"
        if not states or any(state == "waiting" for state in states):
            return "Running" if "running" in states or "crashing" in states else "Pending"
        if all(state in ("done", "failed") for state in states):
            return "Failed" if "failed" in states else "Succeeded"
        return "Running"


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a container sees: implements `apps.Seen`."""

    pod: Mapping[str, Any]
    container: Mapping[str, Any]
    world: World

    @property
    def image(self) -> str:
        return str(self.container["image"])

    @property
    def env(self) -> Mapping[str, str]:
        return environment(self.pod, self.container, self.world)

    def config(self, name: str) -> Mapping[str, str]:
        found = self.world.find("ConfigMap", self.pod["metadata"]["namespace"], name) or {}
        return found.get("data") or {}

    def secret(self, name: str) -> Mapping[str, bytes]:
        found = self.world.find("Secret", self.pod["metadata"]["namespace"], name) or {}
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}

    def reach(self, host: str, port: int) -> Reach:
        return reach(self.pod, host, port, self.world)

    def may(self, verb: str, resource: str, group: str = "") -> bool:
        namespace, account = self.pod["metadata"]["namespace"], self.pod["spec"]["serviceAccountName"]
        user = account_user(namespace, account)
        return Access(self.world.store).allows(user, verb, group, resource, namespace=namespace)

    @property
    def has_name_server(self) -> bool:
        return reaches_name_server(self.pod, self.world)


def foresee(pod: Mapping[str, Any], world: World) -> PodOutcome:
    """What becomes of the pod, as things are now."""
    node = pod["spec"].get("nodeName", "")
    if not node:
        node, complaint = scheduler.place(pod, world)
        if complaint:
            return PodOutcome(unscheduled=complaint)
    spec = pod["spec"]
    init_specs = spec.get("initContainers") or []
    if not _has_started(pod) and (mounts := tuple(_mount_failures(pod, world))):
        return PodOutcome(
            node=node,
            mounts=mounts,
            init=tuple(_waits(item, "PodInitializing") for item in init_specs),
            containers=tuple(_waits(item, _first_wait(spec)) for item in spec["containers"]),
        )
    init: list[ContainerOutcome] = []
    is_held = False
    for item in init_specs:
        if is_held:
            init.append(_waits(item, "PodInitializing"))
            continue
        is_sidecar = item.get("restartPolicy") == "Always"
        outcome = replace(_foresee_container(pod, item, world, finishes=not is_sidecar), is_sidecar=is_sidecar)
        init.append(outcome)
        is_held = not (outcome.state == "done" or (is_sidecar and outcome.state in ("running", "crashing")))
    finishes = spec.get("restartPolicy", "Always") != "Always"
    containers = tuple(
        _waits(item, "PodInitializing") if is_held else _foresee_container(pod, item, world, finishes=finishes)
        for item in spec["containers"]
    )
    return PodOutcome(node=node, evicted=_eviction(pod, containers, world), init=tuple(init), containers=containers)


def environment(pod: Mapping[str, Any], container: Mapping[str, Any], world: World) -> dict[str, str]:
    """The container's variables, with what comes from ConfigMaps and Secrets filled in where it is there."""
    values: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        kind, reference = (
            ("ConfigMap", source.get("configMapRef"))
            if "configMapRef" in source
            else ("Secret", source.get("secretRef"))
        )
        values.update(_data(kind, pod, reference["name"], world) or {})
    for item in container.get("env") or ():
        values[item["name"]] = str(item.get("value", ""))
        for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            if reference := (item.get("valueFrom") or {}).get(key):
                values[item["name"]] = (_data(kind, pod, reference["name"], world) or {}).get(reference["key"], "")
    return values


def _foresee_container(
    pod: Mapping[str, Any], container: Mapping[str, Any], world: World, *, finishes: bool
) -> ContainerOutcome:
    app = world.app(pod, container["name"])
    early = None if _has_started(pod, container["name"]) else _before_start(pod, container, world)
    if outcome := early or _start_failure(container, app):
        return outcome
    restarts = pod["spec"].get("restartPolicy", "Always") != "Never"
    limit = quantity_or_zero((container.get("resources") or {}).get("limits", {}).get("memory"))
    ended = ContainerOutcome(name=container["name"], state="crashing" if restarts else "failed", reason="Error")
    if limit and quantity_or_zero(app.memory) > limit:
        return replace(ended, reason="OOMKilled", exit_code=137, run_s=app.takes_s, log=app.log)
    seen = _Surroundings(pod, container, world)
    failure = next((item for item in app.failures if item.when(seen)), None)
    if failure is not None and failure.code is not None:
        reason = "Error" if failure.code else "Completed"
        return replace(ended, reason=reason, exit_code=failure.code, run_s=failure.run_s, log=failure.log)
    log = failure.log if failure else app.log
    if finishes and failure is None:
        return replace(ended, state="done", reason="Completed", run_s=app.takes_s, log=log, is_ready=True)
    running = ContainerOutcome(name=container["name"], state="running", log=log, is_ready=True)
    return _probed(pod, container, app, failure, running)


def _before_start(pod: Mapping[str, Any], container: Mapping[str, Any], world: World) -> ContainerOutcome | None:
    """What keeps the container from being created: its image or its configuration."""
    reason, message = "ImagePullBackOff", _pull_failure(pod, container, world)
    if not message:
        reason, message = "CreateContainerConfigError", next(_config_failures(pod, container, world), "")
    if not message:
        return None
    return ContainerOutcome(name=container["name"], state="waiting", reason=reason, message=message)


def _probed(
    pod: Mapping[str, Any], container: Mapping[str, Any], app: App, failure: Failure | None, running: ContainerOutcome
) -> ContainerOutcome:
    for kind in ("Startup", "Liveness", "Readiness"):
        probe = container.get(f"{kind.lower()}Probe") or {}
        message = _probe_failure(container, probe, app, failure.status if failure else 200) if probe else ""
        if not message:
            continue
        outcome = replace(running, is_ready=False, probe=kind, probe_message=message)
        if kind == "Readiness":
            return outcome
        run_s = probe.get("initialDelaySeconds", 0) + probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        # Programs that ignore SIGTERM are killed after the grace period, hence 137.
        grace_s = pod["spec"].get("terminationGracePeriodSeconds", 30)
        return replace(outcome, state="crashing", reason="Error", exit_code=137, run_s=run_s + grace_s)
    return running


def _probe_failure(container: Mapping[str, Any], probe: Mapping[str, Any], app: App, status: int) -> str:
    """The message of the Unhealthy event, with `{ip}` for the pod's address; empty if the probe succeeds."""
    action = probe.get("httpGet") or probe.get("tcpSocket")
    if action is None:
        return "" if status < 400 else "command exited with status 1"
    named = {port.get("name"): port["containerPort"] for port in container.get("ports") or ()}
    port = named.get(action["port"], action["port"])
    address = f"{{ip}}:{port}"
    path = action.get("path", "/")
    if app.listens and port not in app.listens:
        refused = f"dial tcp {address}: connect: connection refused"
        return f'Get "http://{address}{path}": {refused}' if "httpGet" in probe else refused
    answer = app.answers.get(path, 200) if status < 400 else status
    if "httpGet" in probe and answer >= 400:
        return f"HTTP probe failed with statuscode: {answer}"
    return ""


def _start_failure(container: Mapping[str, Any], app: App) -> ContainerOutcome | None:
    command = (container.get("command") or [""])[0]
    if not command or not app.commands or command in app.commands:
        return None
    why = f"stat {command}: no such file or directory" if "/" in command else "executable file not found in $PATH"
    message = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        f'unable to start container process: error during container init: exec: "{command}": {why}: unknown'
    )
    return ContainerOutcome(
        name=container["name"], state="crashing", reason="StartError", message=message, exit_code=128
    )


def _pull_failure(pod: Mapping[str, Any], container: Mapping[str, Any], world: World) -> str:
    image = container["image"]
    rule = next((item for item in world.registry if image.startswith(item.prefix)), None)
    if rule is None or (rule.is_denied and _has_pull_secret(pod, world)):
        return ""
    full = image if "." in image.split("/")[0] else f"docker.io/library/{image}"
    start = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}"'
    if rule.is_denied:
        return (
            f"rpc error: code = Unknown desc = {start}: pull access denied, repository does not exist or may require "
            "authorization: authorization failed: no basic auth credentials"
        )
    return f"rpc error: code = NotFound desc = {start}: {full}: not found"


def _has_pull_secret(pod: Mapping[str, Any], world: World) -> bool:
    namespace = pod["metadata"]["namespace"]
    account = world.find("ServiceAccount", namespace, pod["spec"].get("serviceAccountName", "default")) or {}
    references = [*(pod["spec"].get("imagePullSecrets") or ()), *(account.get("imagePullSecrets") or ())]
    secrets = [world.find("Secret", namespace, item["name"]) for item in references]
    return any(item is not None and item.get("type") == "kubernetes.io/dockerconfigjson" for item in secrets)


def _config_failures(pod: Mapping[str, Any], container: Mapping[str, Any], world: World) -> Iterator[str]:
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or ():
        kind, key = ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
        reference = source[key]
        if not reference.get("optional") and _data(kind, pod, reference["name"], world) is None:
            yield f'{kind.lower()} "{reference["name"]}" not found'
    for item in container.get("env") or ():
        for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            reference = (item.get("valueFrom") or {}).get(key)
            if not reference or reference.get("optional"):
                continue
            data = _data(kind, pod, reference["name"], world)
            if data is None:
                yield f'{kind.lower()} "{reference["name"]}" not found'
            elif reference["key"] not in data:
                yield f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}"


def _mount_failures(pod: Mapping[str, Any], world: World) -> Iterator[str]:
    for volume in pod["spec"].get("volumes") or ():
        for kind, key, name_key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            source = volume.get(key)
            if not source or source.get("optional"):
                continue
            data = _data(kind, pod, source[name_key], world)
            start = f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
            missing = [item["key"] for item in source.get("items") or () if item["key"] not in (data or {})]
            if data is None:
                yield f'{start}{kind.lower()} "{source[name_key]}" not found'
            elif missing:
                what = (
                    "configmap references non-existent config"
                    if kind == "ConfigMap"
                    else "references non-existent secret"
                )
                yield f"{start}{what} key: {missing[0]}"


def _data(kind: str, pod: Mapping[str, Any], name: str, world: World) -> dict[str, str] | None:
    found = world.find(kind, pod["metadata"]["namespace"], name)
    if found is None:
        return None
    plain = found.get("data") or {}
    if kind == "ConfigMap":
        return dict(plain)
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in plain.items()}


def _eviction(pod: Mapping[str, Any], containers: tuple[ContainerOutcome, ...], world: World) -> str:
    """The eviction manager's message; it holds the whole pod against the sum of its limits before each container."""
    if pod["metadata"]["uid"] in world.spared:
        return ""
    limits = [
        (container.get("resources") or {}).get("limits", {}).get("ephemeral-storage")
        for container in pod["spec"]["containers"]
    ]
    known = [limit for limit in limits if limit]
    total = sum(quantity_or_zero(limit) for limit in known)
    used = sum(
        quantity_or_zero(world.app(pod, container["name"]).disk)
        for container, outcome in zip(pod["spec"]["containers"], containers, strict=True)
        if outcome.state == "running"
    )
    if not known or used <= total:
        return ""
    spelled = known[0] if len(known) == 1 else format_bytes(total)
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {spelled}. "


def _has_started(pod: Mapping[str, Any], container: str = "") -> bool:
    status = pod.get("status") or {}
    statuses = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    return any(item.get("containerID") and container in ("", item["name"]) for item in statuses)


def _waits(container: Mapping[str, Any], reason: str) -> ContainerOutcome:
    return ContainerOutcome(name=container["name"], state="waiting", reason=reason)


def _first_wait(spec: Mapping[str, Any]) -> str:
    return "PodInitializing" if spec.get("initContainers") else "ContainerCreating"
