from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.container_config import plugin
from kubeagentix.domain.diagnosis import Finding, Gap
from kubeagentix.testing import snapshot_of

Build = Callable[..., list[dict[str, Any]]]
HELD = """
kind: ConfigMap
metadata: {name: app-config}
data: {mode: a, level: b}
---
kind: Secret
metadata: {name: app-secret}
data: {password: eA==}
"""


def found(*manifests: Any, gaps: tuple[Gap, ...] = ()) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, gaps=gaps)))


def config_error(message: str) -> dict[str, Any]:
    return {"waiting": {"reason": "CreateContainerConfigError", "message": message}}


@pytest.mark.parametrize(
    ("message", "refinement", "ref", "hint"),
    [
        (
            'configmap "app-confg" not found',
            "/ConfigMapNotFound",
            "ConfigMap default/app-confg",
            "There is ConfigMap app-config",
        ),
        ('secrets "app-secrt" not found', "/SecretNotFound", "Secret default/app-secrt", "There is Secret app-secret"),
        (
            "couldn't find key modee in ConfigMap default/app-config",
            "/ConfigMapKeyNotFound",
            "ConfigMap default/app-config",
            "Its keys: level, mode. Was mode meant?",
        ),
        (
            "couldn't find key pasword in Secret default/app-secret",
            "/SecretKeyNotFound",
            "Secret default/app-secret",
            "Was password meant?",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_nearest_name(
    workload: Build, message: str, refinement: str, ref: str, hint: str
) -> None:
    [finding] = found(*workload(config_error(message), phase="Pending", replicas=3), HELD)
    assert finding.reason == f"CreateContainerConfigError{refinement}"
    assert "3 of 3 pods" in finding.title
    assert [str(item) for item in finding.points_at] == [ref]
    assert hint in finding.cause


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('container has runAsNonRoot and image will run as root (pod: "web-1", container: app)', "its image would"),
        ("container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root", "(app)"),
        ("container's runAsUser breaks non-root policy", "its runAsUser is 0"),
    ],
)
def test_an_image_that_would_run_as_root_is_told(workload: Build, message: str, words: str) -> None:
    [finding] = found(*workload(config_error(message)))
    assert finding.reason == "CreateContainerConfigError/RunAsNonRoot"
    assert words in finding.title


def test_a_sub_path_that_cannot_be_made_names_its_volume(workload: Build) -> None:
    [finding] = found(*workload(config_error('failed to prepare subPath for volumeMount "v" of container "app"')))
    assert finding.reason == "CreateContainerConfigError/SubPath"
    assert "volume v" in finding.title
    assert "volumeMounts" in finding.remedies[-1].title


def test_a_variable_of_a_sub_path_that_is_not_set_is_named(workload: Build) -> None:
    [finding] = found(*workload(config_error("missing value for TENANT")))
    assert finding.reason == "CreateContainerConfigError/VariableNotFound"
    assert "variable TENANT" in finding.title


def test_another_message_is_quoted(workload: Build) -> None:
    [finding] = found(*workload(config_error("container nope not found")))
    assert finding.reason == "CreateContainerConfigError"
    assert "container nope not found" in finding.title


def test_the_event_serves_where_the_state_has_no_message(workload: Build) -> None:
    [finding] = found(*workload(config_error(""), events=[("Failed", 'Error: configmap "x" not found')]))
    assert finding.reason == "CreateContainerConfigError/ConfigMapNotFound"


def test_no_name_is_suggested_where_not_all_were_read(workload: Build) -> None:
    gap = Gap(what="secrets", why="403", kind="Secret")
    [finding] = found(*workload(config_error('secret "app-secrt" not found')), HELD, gaps=(gap,))
    assert "was that meant" not in finding.cause


@pytest.mark.parametrize("state", [{"waiting": {"reason": "ContainerCreating"}}, {"running": {}}])
def test_a_container_past_the_error_is_silent(workload: Build, state: dict[str, Any]) -> None:
    assert found(*workload(state, events=[("Failed", 'Error: configmap "x" not found')])) == []


def test_the_nearest_name_and_its_keys_are_in_the_title_and_the_cause(workload: Build) -> None:
    ref = {"configMapKeyRef": {"name": "app-confg", "key": "mod"}}
    container = {"env": [{"name": "M", "valueFrom": ref}]}
    state = config_error('configmap "app-confg" not found')
    [finding] = found(*workload(state, phase="Pending", container=container), HELD)
    assert "ConfigMap app-confg does not exist (there is app-config)" in finding.title
    assert "app-confg (for key mod), which is not in namespace default." in finding.cause
    assert "There is ConfigMap app-config: was that meant? Its keys: level, mode. Was mode meant?" in finding.cause


def test_a_key_in_another_case_is_offered_and_its_keys_are_to_be_seen(workload: Build) -> None:
    message = "couldn't find key MODE in ConfigMap default/app-config"
    [finding] = found(*workload(config_error(message), phase="Pending"), HELD)
    assert "Was mode meant?" in finding.cause
    assert any("describe configmap app-config" in remedy.command for remedy in finding.remedies)


def test_a_user_that_is_not_allowed_is_no_matter_of_the_env(workload: Build) -> None:
    [finding] = found(*workload(config_error("container has runAsNonRoot and image will run as root"), phase="Pending"))
    assert finding.reason == "CreateContainerConfigError/RunAsNonRoot"
    assert "securityContext" in finding.remedies[-1].title


def test_what_the_pod_will_lack_next_is_told_at_once(workload: Build) -> None:
    refs = [{"configMapRef": {"name": "gone"}}, {"secretRef": {"name": "lost"}}]
    state = config_error('configmap "gone" not found')
    [finding] = found(*workload(state, phase="Pending", container={"envFrom": refs}), HELD)
    assert finding.cause.endswith("It will lack Secret lost next: of that name there is none.")
    [alone] = found(*workload(state, phase="Pending", container={"envFrom": refs[:1]}), HELD)
    assert "next" not in alone.cause
