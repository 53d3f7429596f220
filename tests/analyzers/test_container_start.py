from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.container_start import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of, snapshot_of

Build = Callable[..., list[dict[str, Any]]]
BACKOFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
DOCKER = "OCI runtime create failed: container_linux.go:380: starting container process caused: "


def found(manifests: list[dict[str, Any]], *logs: ContainerLog) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, logs=logs)))


def refused(message: str, reason: str = "StartError") -> dict[str, Any]:
    return {"exitCode": 128, "reason": reason, "message": message, "startedAt": "1970-01-01T00:00:00Z"}


MESSAGES = [
    (f'{RUNC}exec: "serve": executable file not found in $PATH: unknown', "CommandNotFound"),
    (f'{RUNC}exec: "/app/serve": stat /app/serve: no such file or directory: unknown', "CommandNotFound"),
    (f'{DOCKER}exec: "serve": executable file not found in $PATH: unknown', "CommandNotFound"),
    (
        "container create failed: executable file `serve` not found in $PATH: No such file or directory",
        "CommandNotFound",
    ),
    (f'{RUNC}exec: "/s/run": permission denied: unknown', "NotExecutable"),
    (f'{RUNC}exec: "/app": is a directory: permission denied', "NotExecutable"),
    (f"{RUNC}exec /app: exec format error", "ExecFormat"),
    (f"{RUNC}container init was OOM-killed (memory limit too low?): unknown", "MemoryLimit"),
    (f"{RUNC}error during container init: open /proc/sys/x: permission denied: unknown", "PermissionDenied"),
    (f"{RUNC}error during container init: mkdir /etc/passwd: not a directory: unknown", "WorkingDir"),
    (
        f'{DOCKER}process_linux.go:545: container init caused: chdir to cwd ("/srv") set in config.json failed',
        "WorkingDir",
    ),
    (f"{RUNC}error during container init: write sysctl key: invalid argument: unknown", "Other"),
]


@pytest.mark.parametrize(("message", "refinement"), MESSAGES)
@pytest.mark.parametrize("reason", ["StartError", "ContainerCannotRun"])
def test_the_runtimes_message_is_decoded(workload: Build, message: str, refinement: str, reason: str) -> None:
    [finding] = found(workload(BACKOFF, last=refused(message, reason), restarts=3, replicas=3))
    assert finding.reason == f"StartError/{refinement}"
    assert "3 of 3 pods" in finding.title
    assert message[-40:] in finding.cause
    assert finding.cause.endswith(".")


def test_it_is_found_while_the_kubelet_tries_again(workload: Build) -> None:
    message = MESSAGES[0][0]
    [waiting] = found(workload({"waiting": {"reason": "RunContainerError", "message": message}}))
    [ended] = found(workload({"terminated": refused(message)}, restarts=1))
    assert waiting.reason == ended.reason == "StartError/CommandNotFound"
    assert "serve" in waiting.title


@pytest.mark.parametrize(
    ("line", "refinement"),
    [
        ("exec /s/run: exec format error", "ExecFormat"),
        ("exec /s/run: no such file or directory", "CommandNotFound"),
        ("standard_init_linux.go:228: exec user process caused: exec format error", "ExecFormat"),
    ],
)
def test_a_kernels_refusal_is_read_from_the_log(workload: Build, line: str, refinement: str) -> None:
    last = {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-15T11:59:00Z", "finishedAt": "2026-01-15T11:59:00Z"}
    [finding] = found(workload(BACKOFF, last=last, restarts=3), log_of("web-1", "app", line))
    assert finding.reason == f"StartError/{refinement}"


_NO_USER, _RESERVED = "CreateContainerError/UserNotFound", "CreateContainerError/NameReserved"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("failed to generate spec: no command specified", "CreateContainerError/NoCommand"),
        ("context deadline exceeded", "CreateContainerError/Timeout"),
        ("failed to generate spec: linux spec user: unable to find user app: no matching entries", _NO_USER),
        ('failed to reserve container name "app_web": name "app_web" is reserved for "1f3c"', _RESERVED),
        ("failed to generate security options: seccomp profile not found", "CreateContainerError/SeccompProfile"),
        ("something else", "CreateContainerError"),
        ("container create failed: executable file `x` not found in $PATH", "StartError/CommandNotFound"),
    ],
)
def test_a_container_that_cannot_be_created(workload: Build, message: str, reason: str) -> None:
    [finding] = found(workload({"waiting": {"reason": "CreateContainerError", "message": message}}, phase="Pending"))
    assert finding.reason == reason


@pytest.mark.parametrize("reason", ["PreCreateHookError", "PreStartHookError"])
def test_a_hook_of_the_kubelet_that_fails_keeps_its_name(workload: Build, reason: str) -> None:
    [finding] = found(workload({"waiting": {"reason": reason, "message": "device plugin is gone"}}, phase="Pending"))
    assert finding.reason == reason
    assert "device plugin is gone" in finding.title
    assert found(workload({"waiting": {"reason": "ContainerCreating"}}, phase="Pending")) == []


def test_a_wrong_architecture_is_held_against_the_nodes(workload: Build) -> None:
    def node(name: str, architecture: str) -> dict[str, Any]:
        info = {"architecture": architecture, "operatingSystem": "linux"}
        return {"kind": "Node", "metadata": {"name": name}, "status": {"nodeInfo": info}}

    objects = workload(BACKOFF, last=refused(f"{RUNC}exec /app: exec format error"), restarts=3)
    [finding] = found([*objects, node("node-1", "arm64"), node("node-2", "amd64")])
    assert "Node node-1 is linux/arm64. Other nodes are linux/amd64 (node-2)." in finding.cause


HOOK = [("FailedPostStartHook", "Exec lifecycle hook ([sh -c exit 3]) for Container app failed - error: exited with 3")]


@pytest.mark.parametrize(
    "state",
    [
        {"waiting": {"reason": "PostStartHookError", "message": "x"}},
        {"waiting": {"reason": "PostStartHookError: command 'sh -c exit 3' exited with 3: ", "message": "x"}},
        BACKOFF,
    ],
)
def test_a_failing_hook_owns_the_restarts(workload: Build, state: dict[str, Any]) -> None:
    last = {"exitCode": 137, "reason": "Error", "finishedAt": "2026-01-15T11:59:00Z"}
    [finding] = found(workload(state, last=last, restarts=3, events=HOOK))
    assert finding.reason == "PostStartHookError"
    assert "exited with 3" in finding.cause
    assert "postStart hook fails: exited with 3" in finding.title


def test_a_hook_whose_event_has_not_come_is_told_by_the_state(workload: Build) -> None:
    state = {"waiting": {"reason": "PostStartHookError: command 'warm' exited with 3: no cache"}}
    last = {"exitCode": 137, "reason": "Error", "finishedAt": "2026-01-15T11:59:00Z"}
    [finding] = found(workload(state, last=last, restarts=3))
    assert finding.reason == "PostStartHookError"
    assert "exited with 3: no cache" in finding.cause


def test_a_hook_of_which_the_event_tells_nothing_is_shown_with_its_command_and_log(workload: Build) -> None:
    last = {"exitCode": 137, "reason": "Error", "finishedAt": "2026-01-15T11:59:00Z"}
    hook = {"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "warm /cache"]}}}}
    events = [("FailedPostStartHook", "PostStartHook failed")]
    objects = workload(BACKOFF, last=last, restarts=3, container=hook, events=events)
    [finding] = found(objects, log_of("web-1", "app", "no such cache"))
    excerpts = {item.source: item.excerpt for item in finding.evidence}
    assert "warm /cache" in excerpts["spec"]
    assert "no such cache" in excerpts["log"]


def test_a_hook_that_failed_once_long_ago_is_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-15T11:00:00Z"}}
    last = {"exitCode": 137, "reason": "Error", "finishedAt": "2026-01-15T10:59:59Z"}
    assert found(workload(state, last=last, restarts=1, ready=True, events=HOOK)) == []


def test_an_ordinary_crash_is_silent(workload: Build) -> None:
    last = {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-15T11:59:00Z"}
    assert (
        found(workload(BACKOFF, last=last, restarts=3), log_of("web-1", "app", "open /x: no such file or directory"))
        == []
    )


def test_a_failed_start_of_yesterday_is_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-14T11:00:00Z"}}
    assert found(workload(state, last=refused("x"), restarts=1, ready=True)) == []


def test_a_sub_path_that_is_no_key_is_why_a_directory_does_not_fit(workload: Build) -> None:
    message = f'{RUNC}error during container init: error mounting "/x" to rootfs at "/etc/app.yaml": not a directory'
    config = {"kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"app.yaml": "a: 1"}}
    mount = {"name": "v", "mountPath": "/etc/app.yaml", "subPath": "app.yml"}
    spec = {"volumes": [{"name": "v", "configMap": {"name": "web"}}]}
    objects = workload(BACKOFF, last=refused(message), restarts=3, container={"volumeMounts": [mount]}, spec=spec)
    [finding] = plugin.analyze(snapshot_of(*objects, config))
    assert finding.reason == "StartError/Mount"
    assert "/etc/app.yaml" in finding.title
    assert "subPath app.yml" in finding.cause
    assert [str(ref) for ref in finding.points_at] == ["ConfigMap default/web"]


def test_a_command_in_one_string_is_told(workload: Build) -> None:
    message = f'{RUNC}exec: "sh -c serve": executable file not found in $PATH: unknown'
    [finding] = found(workload(BACKOFF, last=refused(message), restarts=3))
    assert "one string with spaces" in finding.title


def test_a_script_of_a_config_map_needs_a_mode(workload: Build) -> None:
    message = f'{RUNC}exec: "/s/run.sh": permission denied: unknown'
    container = {"command": ["/s/run.sh"], "volumeMounts": [{"name": "s", "mountPath": "/s"}]}
    spec = {"volumes": [{"name": "s", "configMap": {"name": "scripts"}}]}
    [finding] = found(workload(BACKOFF, last=refused(message), restarts=3, container=container, spec=spec))
    assert "ConfigMap scripts" in finding.cause
    assert "defaultMode" in finding.cause


def test_a_working_directory_that_fails_is_named(workload: Build) -> None:
    message = f"{RUNC}error during container init: mkdir /etc/passwd: not a directory: unknown"
    [finding] = found(workload(BACKOFF, last=refused(message), restarts=3, container={"workingDir": "/etc/passwd"}))
    assert "workingDir is /etc/passwd" in finding.cause


@pytest.mark.parametrize(("key", "is_told"), [("run.sh", True), ("other.sh", False)])
def test_a_script_that_is_there_and_not_found_lacks_its_interpreter(workload: Build, key: str, is_told: bool) -> None:
    container = {"command": ["/scripts/run.sh"], "volumeMounts": [{"name": "v", "mountPath": "/scripts"}]}
    spec = {"volumes": [{"name": "v", "configMap": {"name": "scripts"}}]}
    last = {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-15T11:59:00Z", "finishedAt": "2026-01-15T11:59:00Z"}
    objects = workload(BACKOFF, last=last, restarts=3, container=container, spec=spec)
    held = {"kind": "ConfigMap", "metadata": {"name": "scripts"}, "data": {key: "#!/bin/bash"}}
    [finding] = found([*objects, held], log_of("web-1", "app", "exec /scripts/run.sh: no such file or directory"))
    assert ("ConfigMap scripts brings that file" in finding.cause) is is_told


def test_an_option_in_place_of_a_command_is_told_as_such(workload: Build) -> None:
    message = f'{RUNC}exec: "--verbose": executable file not found in $PATH: unknown'
    [finding] = found(workload(BACKOFF, last=refused(message), restarts=3, container={"args": ["--verbose"]}))
    assert "--verbose is an option" in finding.cause


CREATING = {"waiting": {"reason": "ContainerCreating"}}
WARM: dict[str, Any] = {"lifecycle": {"postStart": {"exec": {"command": ["/warm-up"]}}}}


def started(
    workload: Build, seconds_ago: float, *, then: str = "", served: bool = True, **container: Any
) -> list[Finding]:
    """What is found of a container that was started so long ago and is still said to be in creation."""
    events = [("Created", "Created container app", 1, seconds_ago + 1), ("Started", "Started", 1, seconds_ago)]
    events += [(then, then, 1, seconds_ago - 1)] if then else []
    objects = workload(CREATING, phase="Pending", container=container, events=events)
    objects[0]["status"] = {"replicas": 1, "readyReplicas": int(served)}
    return found(objects)


def test_a_hook_that_does_not_return_keeps_the_container_in_creation(workload: Build) -> None:
    [finding] = started(workload, 200, **WARM)
    assert (finding.reason, finding.severity) == ("PostStartHookError/StillRunning", Severity.WARNING)
    assert "its postStart hook has been running for 3m" in finding.title
    assert any(item.excerpt == "/warm-up" for item in finding.evidence)


def test_a_hook_is_told_of_sooner_where_its_pod_is_missed(workload: Build) -> None:
    assert [item.reason for item in started(workload, 70, served=False, **WARM)] == ["PostStartHookError/StillRunning"]
    assert started(workload, 70, **WARM) == []


def test_a_container_in_creation_for_other_reasons_has_no_hook_to_blame(workload: Build) -> None:
    assert started(workload, 200) == []
    assert started(workload, 200, then="Killing", **WARM) == []
