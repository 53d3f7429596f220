"""Writes a PodOutcome down as a kubelet does: the pod's status, its events, its containers' logs.

What went on for hours is written as it would stand now: restart counts and back-off follow from the age, counted
events are kept fresh by their last occurrence, single ones have expired after an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeagentix.demo.journal import SCHEDULER, Note, record
from kubeagentix.demo.kubelet import ContainerOutcome, PodOutcome
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World, digest, moment, seconds, stamp

BACK_OFF_FIRST_S, BACK_OFF_MAX_S = 10, 300  # kubelet's crash loop back-off, doubling
EVICTED_AFTER_S = 1490  # how long a pod that is to be evicted runs
LOG_LINE_S = 7  # between two lines of a program that runs quietly
_EPOCH = "1970-01-01T00:00:00Z"  # when containerd says a container began that never did


@dataclass(frozen=True, slots=True)
class _Scene:
    """One rendering: the pod, what became of it, and when that began."""

    world: World
    pod: Manifest
    outcome: PodOutcome
    began: datetime
    is_first: bool
    before: Mapping[str, Any]  # the status until now

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def created(self) -> datetime:
        return moment(self.pod["metadata"]["creationTimestamp"])

    def container_before(self, name: str) -> Mapping[str, Any]:
        statuses = [*(self.before.get("containerStatuses") or ()), *(self.before.get("initContainerStatuses") or ())]
        return next((item for item in statuses if item["name"] == name), {})


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a container was restarted within an age, and the back-off it is in."""

    count: int
    back_off_s: int

    @classmethod
    def within(cls, age_s: float, run_s: int) -> Restarts:
        """Runs of `run_s` with the kubelet's back-off between them; at least one restart."""
        elapsed, count, delay = run_s, 0, BACK_OFF_FIRST_S
        while elapsed + delay <= age_s:
            elapsed += delay + max(run_s, 1)
            count, delay = count + 1, min(delay * 2, BACK_OFF_MAX_S)
        return cls(max(count, 1), delay)

    @property
    def text(self) -> str:
        """The back-off as Go prints a duration: `40s`, `2m40s`, `5m0s`."""
        minutes, rest = divmod(self.back_off_s, 60)
        return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def render(pod: Mapping[str, Any], outcome: PodOutcome, world: World) -> bool:
    """Bring the stored pod in line with `outcome`; False if it is so already."""
    uid = pod["metadata"]["uid"]
    known = world.outcomes.get(uid)
    if known == outcome:
        return False
    world.outcomes[uid] = outcome
    is_first = known is None or world.is_history
    if known is not None and world.is_history:
        _forget_events(uid, world)
    before = {"podIP": (pod.get("status") or {}).get("podIP")} if is_first else pod.get("status") or {}
    began = world.onset(pod) if is_first else world.clock
    scene = _Scene(world, plain_copy(pod), outcome, min(began, world.now), is_first, before)
    if outcome.node:
        scene.pod["spec"]["nodeName"] = outcome.node
    scene.pod["status"] = _status(scene)
    world.store.put(scene.pod)
    for note in _notes(scene):
        record(world, scene.pod, note)
    for item in (*outcome.init, *outcome.containers):
        _write_log(scene, item)
    return True


def _forget_events(uid: str, world: World) -> None:
    for event in world.all("Event"):
        if event["involvedObject"].get("uid") == uid and event["reportingComponent"] in ("kubelet", SCHEDULER):
            world.store.delete("Event", event["metadata"]["namespace"], event["metadata"]["name"])


def _status(scene: _Scene) -> Manifest:
    pod, outcome = scene.pod, scene.outcome
    status: Manifest = {"observedGeneration": pod["metadata"].get("generation", 1), "phase": outcome.phase}
    status["qosClass"] = qos_class(pod["spec"])
    if outcome.unscheduled:
        status["conditions"] = [_condition("PodScheduled", False, scene.began, "Unschedulable", outcome.unscheduled)]
        return status
    node = scene.world.find("Node", "", outcome.node) or {"status": {"addresses": [{"address": "10.0.0.1"}]}}
    host_ip = node["status"]["addresses"][0]["address"]
    status |= {"hostIP": host_ip, "hostIPs": [{"ip": host_ip}], "startTime": stamp(scene.created)}
    if not outcome.mounts:
        ip = scene.before.get("podIP") or (host_ip if pod["spec"].get("hostNetwork") else _address(scene))
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    if outcome.evicted:
        status |= {"reason": "Evicted", "message": outcome.evicted}
    for field, items in (("initContainerStatuses", outcome.init), ("containerStatuses", outcome.containers)):
        if items:
            status[field] = [_container_status(scene, item) for item in items]
    status["conditions"] = _conditions(scene)
    return status


def qos_class(spec: Mapping[str, Any]) -> str:
    """`status.qosClass`, from the containers' requests and limits."""
    resources = [item.get("resources") or {} for item in spec["containers"]]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"
    is_guaranteed = all(
        {"cpu", "memory"} <= (item.get("limits") or {}).keys()
        and all(
            (item.get("requests") or item["limits"]).get(name) == item["limits"][name] for name in ("cpu", "memory")
        )
        for item in resources
    )
    return "Guaranteed" if is_guaranteed else "Burstable"


def _address(scene: _Scene) -> str:
    nodes = sorted(item["metadata"]["name"] for item in scene.world.all("Node"))
    taken = {(item.get("status") or {}).get("podIP") for item in scene.world.all("Pod")}
    subnet = nodes.index(scene.outcome.node) if scene.outcome.node in nodes else len(nodes)
    return next(ip for host in range(2, 255) if (ip := f"10.244.{subnet}.{host}") not in taken)


def _conditions(scene: _Scene) -> list[Manifest]:
    outcome, created = scene.outcome, scene.created
    init_done = not any(item.reason == "PodInitializing" for item in outcome.containers)
    serving = (*(item for item in outcome.init if item.is_sidecar), *outcome.containers)
    unready = [item.name for item in serving if not item.is_ready or item.state != "running" or outcome.evicted]
    changed = scene.began if not scene.is_first or unready else created + seconds(4)
    reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    if outcome.phase == "Succeeded":
        reason, message = "PodCompleted", ""
    elif outcome.phase == "Failed":
        reason, message, changed = "PodFailed", "", _evicted_at(scene) if outcome.evicted else changed
    pending = [item.name for item in outcome.init if item.state != "done" and not item.is_sidecar]
    why_not_init = ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(pending)}]")
    is_ready = not unready
    return [
        _condition("PodReadyToStartContainers", not outcome.mounts and not outcome.evicted, created + seconds(2)),
        _condition("Initialized", init_done, created + seconds(1), *(() if init_done else why_not_init)),
        _condition("Ready", is_ready, changed, *(() if is_ready else (reason, message))),
        _condition("ContainersReady", is_ready, changed, *(() if is_ready else (reason, message))),
        _condition("PodScheduled", True, created),
    ]


def _condition(kind: str, holds: bool, at: datetime, reason: str = "", message: str = "") -> Manifest:
    condition: Manifest = {
        "type": kind,
        "status": "True" if holds else "False",
        "observedGeneration": 1,
        "lastProbeTime": None,
        "lastTransitionTime": stamp(at),
    }
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _container_status(scene: _Scene, item: ContainerOutcome) -> Manifest:
    spec = _spec_of(scene.pod, item.name)
    before = scene.container_before(item.name)
    status: Manifest = {
        "name": item.name,
        "image": spec["image"],
        "imageID": "",
        "ready": item.is_ready and item.state in ("running", "done") and not scene.outcome.evicted,
        "started": item.state == "running" and (item.probe != "Startup"),
        "restartCount": before.get("restartCount", 0),
        "state": {},
        "lastState": before.get("lastState") or {},
    }
    if item.state == "done" and item in scene.outcome.containers:
        status["ready"] = False
    if item.state != "waiting":
        status["imageID"] = _image_id(spec["image"])
        status["containerID"] = f"containerd://{digest(scene.pod['metadata']['uid'] + item.name)}"
        status["resources"] = spec.get("resources") or {}
    status |= _states(scene, item, status)
    return status


def _states(scene: _Scene, item: ContainerOutcome, status: Mapping[str, Any]) -> Manifest:
    match item.state:
        case "waiting":
            state = {"reason": item.reason} | ({"message": _waiting_message(scene, item)} if item.message else {})
            return {"state": {"waiting": state}}
        case "crashing":
            restarts, ended = _crash_times(scene, item)
            back_off = f"back-off {restarts.text} restarting failed container={item.name} pod={_pod_id(scene.pod)}"
            return {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": back_off}},
                "lastState": {"terminated": _terminated(item, ended, status["containerID"])},
                "restartCount": restarts.count,
            }
        case "done" | "failed":
            ended = min(_first_start(scene) + seconds(item.run_s), scene.now)
            return {"state": {"terminated": _terminated(item, ended, status["containerID"])}}
    if scene.outcome.evicted:
        killed = ContainerOutcome(
            name=item.name, state="failed", reason="Error", exit_code=137, run_s=EVICTED_AFTER_S - 4
        )
        return {"state": {"terminated": _terminated(killed, _evicted_at(scene), status["containerID"])}}
    return {"state": {"running": {"startedAt": stamp(_first_start(scene))}}}


def _evicted_at(scene: _Scene) -> datetime:
    return min(scene.created + seconds(EVICTED_AFTER_S), scene.now)


def _first_start(scene: _Scene) -> datetime:
    """When a container that is not restarted began: after the pod was made, or when it was at last able to."""
    return min(max(scene.created, scene.began if not scene.is_first else scene.created) + seconds(3), scene.now)


def _crash_times(scene: _Scene, item: ContainerOutcome) -> tuple[Restarts, datetime]:
    restarts = Restarts.within((scene.now - scene.began).total_seconds(), item.run_s)
    return restarts, max(scene.now - seconds(restarts.back_off_s // 3), scene.began)


def _terminated(item: ContainerOutcome, ended: datetime, container_id: str) -> Manifest:
    state: Manifest = {
        "exitCode": item.exit_code,
        "reason": item.reason,
        "startedAt": _EPOCH if item.reason == "StartError" else stamp(ended - seconds(item.run_s)),
        "finishedAt": stamp(ended),
        "containerID": container_id,
    }
    if item.message:
        state["message"] = item.message
    return state


def _waiting_message(scene: _Scene, item: ContainerOutcome) -> str:
    if item.reason != "ImagePullBackOff":
        return item.message
    return f'Back-off pulling image "{_spec_of(scene.pod, item.name)["image"]}": ErrImagePull: {item.message}'


def _spec_of(pod: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    specs = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
    return next(item for item in specs if item["name"] == name)


def _image_id(image: str) -> str:
    return f"{image.rpartition(':')[0] or image}@sha256:{digest(image)}"


def _pod_id(pod: Mapping[str, Any]) -> str:
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"


def _notes(scene: _Scene) -> Iterator[Note]:
    pod, outcome, created = scene.pod, scene.outcome, scene.created
    if outcome.unscheduled:
        retries = 1 + int((scene.now - scene.began).total_seconds() // 300)
        yield Note(
            reason="FailedScheduling", message=outcome.unscheduled, component=SCHEDULER, type="Warning",
            first=scene.began, last=_recently(scene, 140), count=retries,
        )  # fmt: skip
        return
    if not scene.before.get("hostIP"):
        where = f"Successfully assigned {pod['metadata']['namespace']}/{pod['metadata']['name']} to {outcome.node}"
        at = scene.began if not scene.is_first else created
        yield Note(reason="Scheduled", message=where, component=SCHEDULER, first=at)
    for message in outcome.mounts:
        times = 1 + int((scene.now - scene.began).total_seconds() // 122)
        yield _kubelet(scene, "FailedMount", message, "Warning", count=times, last=_recently(scene, 65))
    for item in (*outcome.init, *outcome.containers):
        yield from _container_notes(scene, item)
    if outcome.evicted:
        at = _evicted_at(scene)
        yield _kubelet(scene, "Evicted", outcome.evicted, "Warning", last=at)
        for item in outcome.containers:
            yield _kubelet(scene, "Killing", f"Stopping container {item.name}", container=item.name, last=at)


def _container_notes(scene: _Scene, item: ContainerOutcome) -> Iterator[Note]:
    if item.reason in ("PodInitializing", "ContainerCreating"):
        return
    if item.reason == "ImagePullBackOff":
        yield from _pull_notes(scene, item)
        return
    age_s = (scene.now - scene.began).total_seconds()
    pulled = f'Container image "{_spec_of(scene.pod, item.name)["image"]}" already present on machine'
    if item.state == "waiting":
        times = {"count": 1 + int(age_s // 13), "last": _recently(scene, 5)}
        yield _kubelet(scene, "Pulled", pulled, container=item.name, **times)
        yield _kubelet(scene, "Failed", f"Error: {item.message}", "Warning", container=item.name, **times)
        return
    restarts, started = Restarts(0, 0), _first_start(scene)
    if item.state == "crashing":
        restarts, ended = _crash_times(scene, item)
        started = max(ended - seconds(item.run_s), scene.began)
    times = {"count": restarts.count + 1, "last": started}
    yield _kubelet(scene, "Pulled", pulled, container=item.name, **times)
    yield _kubelet(scene, "Created", f"Created container: {item.name}", container=item.name, **times)
    if item.reason == "StartError":
        yield _kubelet(scene, "Failed", f"Error: {item.message}", "Warning", container=item.name, **times)
    else:
        yield _kubelet(scene, "Started", f"Started container {item.name}", container=item.name, **times)
    if item.probe:
        yield from _probe_notes(scene, item, restarts, age_s)
    if item.state == "crashing":
        message = f"Back-off restarting failed container {item.name} in pod {_pod_id(scene.pod)}"
        times = {"count": 1 + int(age_s // 14), "last": _recently(scene, 9)}
        yield _kubelet(scene, "BackOff", message, "Warning", container=item.name, **times)


def _pull_notes(scene: _Scene, item: ContainerOutcome) -> Iterator[Note]:
    image, age_s = _spec_of(scene.pod, item.name)["image"], (scene.now - scene.began).total_seconds()
    pulls = {"count": Restarts.within(age_s, 1).count + 1, "last": _recently(scene, 120)}
    waits = {"count": 1 + int(age_s // 14), "last": _recently(scene, 8)}
    yield _kubelet(scene, "Pulling", f'Pulling image "{image}"', container=item.name, **pulls)
    failed = f'Failed to pull image "{image}": {item.message}'
    yield _kubelet(scene, "Failed", failed, "Warning", container=item.name, **pulls)
    yield _kubelet(scene, "Failed", "Error: ErrImagePull", "Warning", container=item.name, **pulls)
    yield _kubelet(scene, "BackOff", f'Back-off pulling image "{image}"', container=item.name, **waits)
    yield _kubelet(scene, "Failed", "Error: ImagePullBackOff", "Warning", container=item.name, **waits)


def _probe_notes(scene: _Scene, item: ContainerOutcome, restarts: Restarts, age_s: float) -> Iterator[Note]:
    probe = _spec_of(scene.pod, item.name)[f"{item.probe.lower()}Probe"]
    message = f"{item.probe} probe failed: {item.probe_message.format(ip=scene.pod['status'].get('podIP', ''))}"
    times = 1 + int(age_s // probe.get("periodSeconds", 10))
    if item.state == "crashing":
        times = (restarts.count + 1) * probe.get("failureThreshold", 3)
        killed = f"Container {item.name} failed {item.probe.lower()} probe, will be restarted"
        ended = _crash_times(scene, item)[1]
        yield _kubelet(scene, "Killing", killed, container=item.name, count=restarts.count, last=ended)
    yield _kubelet(scene, "Unhealthy", message, "Warning", container=item.name, count=times, last=_recently(scene, 6))


def _kubelet(
    scene: _Scene, reason: str, message: str, kind: Any = "Normal", *, container: str = "", **times: Any
) -> Note:
    is_init = any(item.name == container for item in scene.outcome.init)
    path = f"spec.{'initContainers' if is_init else 'containers'}{{{container}}}" if container else ""
    is_single = times.get("count", 1) == 1
    first = times["last"] if is_single and "last" in times else scene.began
    return Note(
        reason=reason, message=message, type=kind, component="kubelet", host=scene.outcome.node, field_path=path,
        first=min(first, scene.now), **times,
    )  # fmt: skip


def _recently(scene: _Scene, ago_s: int) -> datetime:
    return max(scene.now - seconds(ago_s), scene.began)


def _write_log(scene: _Scene, item: ContainerOutcome) -> None:
    if item.state == "waiting" or item.reason == "StartError":
        return
    place = (scene.pod["metadata"]["namespace"], scene.pod["metadata"]["name"], item.name)
    if item.state == "running":
        start, end = _first_start(scene), scene.now - seconds(LOG_LINE_S)
        gap_s = min(LOG_LINE_S, max((end - start).total_seconds(), 0) / max(len(item.log), 1))
        first = end - seconds(gap_s * max(len(item.log) - 1, 0))
    else:
        ended = _crash_times(scene, item)[1] if item.state == "crashing" else _first_start(scene) + seconds(item.run_s)
        gap_s = item.run_s / max(len(item.log), 1)
        first = min(ended, scene.now) - seconds(item.run_s)
    lines = [
        (at := first + seconds(gap_s * index), line.replace("{at}", stamp(at))) for index, line in enumerate(item.log)
    ]
    scene.world.store.set_log(*place, lines)
    if item.state == "crashing":
        # While a container waits to be restarted, its newest log is that of the run that ended.
        scene.world.store.set_log(*place, lines, previous=True)
