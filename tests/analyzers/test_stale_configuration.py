"""Values that a running container took before their source was changed; what follows its source is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeagentix.analyzers.stale_configuration import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of
from tests.analyzers.conftest import Manifests, ago

RUNNING = {"running": {"startedAt": ago(3600)}}
FROM_ENV = {"envFrom": [{"configMapRef": {"name": "settings"}}]}


def settings(*seconds_ago: float, manager: str = "kubectl-edit") -> dict[str, Any]:
    writes = [{"manager": manager, "operation": "Update", "time": ago(item)} for item in seconds_ago]
    metadata = {"name": "settings", "creationTimestamp": ago(90000), "managedFields": writes}
    return {"kind": "ConfigMap", "metadata": metadata}


def found(*manifests: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def test_a_variable_from_a_config_map_that_was_changed_since_is_told(workload: Callable[..., Manifests]) -> None:
    [only] = found(settings(600), *workload(RUNNING, ready=True, replicas=2, container=FROM_ENV))
    assert (only.reason, str(only.ref), only.severity) == (
        "ConfigurationOutdated",
        "Deployment default/web",
        Severity.INFO,
    )
    assert only.cause.startswith("ConfigMap default/settings was changed 10m ago")
    assert only.title.endswith("(2 of 2 pods)")


def test_a_change_before_the_start_is_what_it_runs_with(workload: Callable[..., Manifests]) -> None:
    assert found(settings(7200), *workload(RUNNING, ready=True, container=FROM_ENV)) == []


def test_a_mounted_file_follows_and_one_with_sub_path_does_not(workload: Callable[..., Manifests]) -> None:
    volumes = {"volumes": [{"name": "c", "configMap": {"name": "settings"}}]}
    whole = {"volumeMounts": [{"name": "c", "mountPath": "/etc/app"}]}
    single = {"volumeMounts": [{"name": "c", "mountPath": "/etc/app/a", "subPath": "a"}]}
    assert found(settings(600), *workload(RUNNING, ready=True, container=whole, spec=volumes)) == []
    assert len(found(settings(600), *workload(RUNNING, ready=True, container=single, spec=volumes))) == 1


def test_what_a_controller_writes_is_no_change(workload: Callable[..., Manifests]) -> None:
    written = settings(600, manager="kube-controller-manager")
    assert found(written, *workload(RUNNING, ready=True, container=FROM_ENV)) == []


def made(seconds_ago: float, **fields: Any) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "settings", "creationTimestamp": ago(seconds_ago)}, **fields}


def test_variables_are_those_of_the_object_that_was_there_at_the_start(workload: Callable[..., Manifests]) -> None:
    [only] = found(made(600), *workload(RUNNING, ready=True, container=FROM_ENV))
    assert only.cause.startswith("ConfigMap default/settings was made 10m ago")
    assert only.evidence[0].locator == "metadata.creationTimestamp"
    assert found(made(7200), *workload(RUNNING, ready=True, container=FROM_ENV)) == []


def test_files_of_an_immutable_object_that_was_made_anew_do_not_follow(workload: Callable[..., Manifests]) -> None:
    volumes = {"volumes": [{"name": "c", "configMap": {"name": "settings"}}]}
    whole = {"volumeMounts": [{"name": "c", "mountPath": "/etc/app"}]}
    pods = workload(RUNNING, ready=True, container=whole, spec=volumes)
    assert [item.reason for item in found(made(600, immutable=True), *pods)] == ["ConfigurationOutdated"]
    assert found(made(600), *pods) == []
    assert found(made(7200, immutable=True), *pods) == []
    assert found(settings(600) | {"immutable": True}, *pods) == []  # somebody has labelled it
