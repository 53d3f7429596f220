"""Which ConfigMap names a host, and what a pod lacks besides what its kubelet tells of."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.config_uses import config_naming, others_missing
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

SETTINGS = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"app.yaml": "db_host: db.old.example\n"}}
VOLUME = {"name": "v", "configMap": {"name": "settings"}}


def picture(*objects: Any, volumes: Any = (), **container: Any) -> tuple[Snapshot, Pod]:
    spec = {"containers": [{"name": "c", **container}], "volumes": list(volumes)}
    snapshot = snapshot_of({"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}, *objects)
    return snapshot, snapshot.all(Pod)[0]


def naming(host: str, **spec: Any) -> list[tuple[str, str]]:
    snapshot, pod = picture(SETTINGS, **spec)
    return [(str(ref), key) for ref, key in config_naming(snapshot, pod, pod.spec.containers[0], host)]


def test_the_config_map_that_names_a_host_is_found_by_mount_and_by_variable() -> None:
    expected = [("ConfigMap default/settings", "app.yaml")]
    mounts = [{"name": "v", "mountPath": "/etc/app"}]
    assert naming("db.old.example:5432", volumes=[VOLUME], volumeMounts=mounts) == expected
    assert naming("db.old.example", envFrom=[{"configMapRef": {"name": "settings"}}]) == expected


def test_another_host_or_a_volume_that_is_not_mounted_there_names_nothing() -> None:
    assert naming("db.new.example", envFrom=[{"configMapRef": {"name": "settings"}}]) == []
    assert naming("db.old.example", volumes=[VOLUME]) == []
    assert naming("", envFrom=[{"configMapRef": {"name": "settings"}}]) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"envFrom": [{"secretRef": {"name": "auth"}}]}, "It will lack Secret auth next: of that name there is none."),
        ({"envFrom": [{"secretRef": {"name": "auth", "optional": True}}]}, ""),
        ({"envFrom": [{"configMapRef": {"name": "settings"}}]}, ""),
        ({"envFrom": [{"configMapRef": {"name": "told"}}]}, ""),
    ],
)
def test_what_else_is_missing_is_told(more: dict[str, Any], words: str) -> None:
    snapshot, pod = picture(SETTINGS, volumes=[{"name": "t", "configMap": {"name": "told"}}], **more)
    assert others_missing(snapshot, pod, snapshot.named("ConfigMap", "default", "told")) == words
