"""Mounts by subPath: of a key that is not there, and of what is."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.sub_paths import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

CONFIG = {"kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"app.conf": "x"}}
SECRET = {"kind": "Secret", "metadata": {"name": "conf"}, "data": {"app.conf": "eA=="}}
FROM_CONFIG = {"configMap": {"name": "conf"}}
RENAMED = {"configMap": {"name": "conf", "items": [{"key": "app.conf", "path": "etc/main.conf"}]}}


def deployment(sub_path: str, volume: dict[str, Any] = FROM_CONFIG, replicas: int = 1) -> dict[str, Any]:
    mount = {"name": "v", "mountPath": "/etc/app.conf", "subPath": sub_path}
    containers = [{"name": name, "volumeMounts": [mount]} for name in ("app", "side")]
    template = {"spec": {"containers": containers, "volumes": [{"name": "v", **volume}]}}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": replicas, "template": template}}


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize(
    ("source", "volume", "sub_path"),
    [
        (CONFIG, FROM_CONFIG, "application.conf"),
        (SECRET, {"secret": {"secretName": "conf"}}, "application.conf"),
        (CONFIG, RENAMED, "app.conf"),
    ],
)
def test_a_sub_path_that_is_no_file_of_its_volume(
    source: dict[str, Any], volume: dict[str, Any], sub_path: str
) -> None:
    (finding,) = found(source, deployment(sub_path, volume))
    assert (finding.reason, finding.severity) == ("SubPathNotFound", Severity.WARNING)
    assert f"{source['kind']} conf has no {sub_path}, which container app, side mounts" in finding.title
    assert "an empty directory is mounted there" in finding.cause
    assert [str(ref) for ref in finding.points_at] == [f"{source['kind']} default/conf"]


def test_the_key_that_was_meant_is_offered() -> None:
    (finding,) = found(CONFIG, deployment("app.cnf"))
    assert finding.cause.endswith("Was app.conf meant?")


def test_of_a_workload_that_is_switched_off_it_is_information() -> None:
    (finding,) = found(CONFIG, deployment("application.conf", replicas=0))
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    ("sub_path", "volume"),
    [
        ("app.conf", FROM_CONFIG),
        ("etc", RENAMED),
        ("etc/main.conf", RENAMED),
        ("application.conf", {"configMap": {"name": "other"}}),
        ("data", {"persistentVolumeClaim": {"claimName": "conf"}}),
        ("data", {"emptyDir": {}}),
    ],
)
def test_what_is_there_and_what_is_no_file_of_keys_is_silent(sub_path: str, volume: dict[str, Any]) -> None:
    assert found(CONFIG, deployment(sub_path, volume)) == []
