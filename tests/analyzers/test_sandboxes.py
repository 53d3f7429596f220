from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.sandboxes import plugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.testing import snapshot_of

Build = Callable[..., list[dict[str, Any]]]
CREATING = {"waiting": {"reason": "ContainerCreating"}}
PREFIX = "Failed to create pod sandbox: rpc error: code = Unknown desc = "
NO_CNI = PREFIX + 'failed to setup network for sandbox "0123": plugin type="calico" failed (add): connection refused'


def found(manifests: list[dict[str, Any]]) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def stuck(workload: Build, *events: tuple[Any, ...], **more: Any) -> list[dict[str, Any]]:
    return workload(CREATING, phase="Pending", events=events, on_container=False, **more)


@pytest.mark.parametrize(
    ("message", "refinement"),
    [
        (
            PREFIX
            + 'failed to setup network for sandbox "01": plugin type="bridge" failed (add): failed to allocate for '
            "range 0: no IP addresses available in range set: 10.244.0.1-10.244.0.254",
            "/NoIPAvailable",
        ),
        (
            PREFIX
            + 'plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container',
            "/NoIPAvailable",
        ),
        (NO_CNI, "/CNI"),
        (
            PREFIX
            + '[failed to set up sandbox container "01" network for pod "web": networkPlugin cni failed to set up',
            "/CNI",
        ),
        (PREFIX + 'failed to get sandbox runtime: no runtime for "gvisor" is configured', "/RuntimeClass"),
        ('Failed to create pod sandbox: rpc error: desc = RuntimeHandler "kata" not supported', "/RuntimeClass"),
        (PREFIX + 'failed to get sandbox image "pause:3.9": failed to pull image', ""),
    ],
)
def test_the_message_refines_the_reason(workload: Build, message: str, refinement: str) -> None:
    [finding] = found(stuck(workload, ("FailedCreatePodSandBox", message), replicas=3))
    assert finding.reason == f"FailedCreatePodSandBox{refinement}"
    assert "3 of 3 pods" in finding.title
    assert "Node node-1" in [str(ref) for ref in finding.points_at]


def test_the_runtime_class_is_pointed_at(workload: Build) -> None:
    event = ("FailedCreatePodSandBox", PREFIX + 'no runtime for "gvisor" is configured')
    [finding] = found(stuck(workload, event, spec={"runtimeClassName": "sandboxed"}))
    assert [str(ref) for ref in finding.points_at] == ["RuntimeClass sandboxed", "Node node-1"]


def test_a_single_failure_is_silent(workload: Build) -> None:
    assert found(stuck(workload, ("FailedCreatePodSandBox", NO_CNI, 1, 5))) == []


def test_a_pod_that_began_since_is_silent(workload: Build) -> None:
    assert (
        found(stuck(workload, ("FailedCreatePodSandBox", NO_CNI, 5, 60), ("Pulled", "Container image present", 1, 5)))
        == []
    )


def test_a_running_pod_is_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-15T11:00:00Z"}}
    assert found(workload(state, events=[("FailedCreatePodSandBox", NO_CNI)], on_container=False)) == []


def test_a_node_that_is_joining_has_no_network_yet(workload: Build) -> None:
    pods = stuck(workload, ("FailedCreatePodSandBox", NO_CNI, 5, 10), spec={"nodeName": "n1"})
    for made, is_told in (("2026-01-15T11:59:00Z", False), ("2026-01-15T11:00:00Z", True)):
        node = {"kind": "Node", "metadata": {"name": "n1", "creationTimestamp": made}}
        assert bool(found([*pods, node])) is is_told


def test_a_memory_limit_that_not_even_the_sandbox_fits_into_is_no_fault_of_the_node(workload: Build) -> None:
    message = PREFIX + "runc create failed: container init was OOM-killed (memory limit too low?): unknown"
    [finding] = found(stuck(workload, ("FailedCreatePodSandBox", message)))
    assert finding.reason == "FailedCreatePodSandBox/MemoryLimit"
    assert finding.points_at == ()
    assert "memory limits" in finding.remedies[-1].title
