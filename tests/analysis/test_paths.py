from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import convert

from kubeagentix.analysis.containers import PodContainer, restless_containers
from kubeagentix.analysis.logs import read_failure
from kubeagentix.analysis.paths import about_path, hidden_by_mount, missing_sub_paths
from kubeagentix.domain.pods import Container
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

CONFIG = {"kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"app.yaml": "a: 1", "log.yaml": "b: 2"}}


def container(volume: dict[str, Any], *objects: Any, mount: Any = None, **spec: Any) -> tuple[Snapshot, PodContainer]:
    mounts = [{"name": "v", "mountPath": "/data", **(mount or {})}]
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "volumeMounts": mounts}], "volumes": [{"name": "v", **volume}], **spec},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c"}]},
    }
    snapshot = snapshot_of(pod, *objects)
    [view] = restless_containers(snapshot)
    return snapshot, view


def about(line: str, place: tuple[Snapshot, PodContainer]) -> tuple[str, list[str]]:
    failure = read_failure([line])
    assert failure is not None
    words, points_at = about_path(*place, failure)
    return words, [str(ref) for ref in points_at]


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"configMap": {"name": "web"}}, "volume v (ConfigMap web), which is always read-only"),
        ({"projected": {"sources": []}}, "volume v, which is always read-only"),
        ({"emptyDir": {}}, "volume v (emptyDir)"),
    ],
)
def test_a_read_only_volume_is_told(volume: dict[str, Any], words: str) -> None:
    assert about("open /data/x: read-only file system", container(volume)) == (f" /data is {words}.", [])


def test_a_read_only_mount_is_told() -> None:
    place = container({"emptyDir": {}}, mount={"readOnly": True})
    assert "mounted read-only" in about("open /data/x: read-only file system", place)[0]


@pytest.mark.parametrize(
    ("volume", "words", "blamed"),
    [
        ({"persistentVolumeClaim": {"claimName": "d"}}, "PersistentVolumeClaim d", ["PersistentVolumeClaim default/d"]),
        ({"ephemeral": {}}, "PersistentVolumeClaim p-v", ["PersistentVolumeClaim default/p-v"]),
        ({"emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}, "emptyDir in memory of at most 4Mi", []),
        ({"hostPath": {"path": "/srv"}}, "path /srv of the node", []),
    ],
)
def test_a_full_disk_is_the_volumes(volume: dict[str, Any], words: str, blamed: list[str]) -> None:
    told, points_at = about("write /data/x: no space left on device", container(volume))
    assert f"volume v ({words})" in told
    assert points_at == blamed


def test_a_claim_that_the_pods_user_may_not_write_to_lacks_an_fs_group() -> None:
    claim = {"persistentVolumeClaim": {"claimName": "d"}}
    line = "mkdir: cannot create directory '/data/raft': Permission denied"
    told, _ = about(line, container(claim, securityContext={"runAsUser": 1000}))
    assert told.startswith(" The container runs as user 1000. /data is volume v")
    assert "no fsGroup" in told
    assert "fsGroup" not in about(line, container(claim, securityContext={"runAsUser": 1, "fsGroup": 1}))[0]
    assert "fsGroup" not in about(line, container({"hostPath": {"path": "/srv"}}))[0]


def test_the_keys_of_a_config_map_are_told_where_a_file_is_missing() -> None:
    told, _ = about("open /data/app.yml: no such file or directory", container({"configMap": {"name": "web"}}, CONFIG))
    assert "which holds: app.yaml, log.yaml" in told


def test_a_path_on_the_images_own_file_system_is_on_no_volume() -> None:
    place = container({"emptyDir": {}})
    told, points_at = about("open /database/x: no such file or directory", place)
    assert ("volume v" in told, points_at) == (False, [])
    assert about("open /database/x: permission denied", place) == ("", [])


def test_a_sub_path_that_is_no_key_is_told_and_its_object_blamed() -> None:
    mount = {"mountPath": "/etc/app.yaml", "subPath": "app.yml"}
    place = container({"configMap": {"name": "web"}}, CONFIG, mount=mount)
    told, points_at = about("read /etc/app.yaml: is a directory", place)
    assert "subPath app.yml of the mount at /etc/app.yaml is no key of ConfigMap web" in told
    assert points_at == ["ConfigMap default/web"]


@pytest.mark.parametrize(
    ("volume", "sub_path"),
    [
        ({"configMap": {"name": "web"}}, "app.yaml"),
        ({"configMap": {"name": "web"}}, "./app.yaml/"),
        ({"configMap": {"name": "web", "items": [{"key": "app.yaml", "path": "conf/a.yaml"}]}}, "conf"),
        ({"configMap": {"name": "web"}}, ""),
        ({"configMap": {"name": "other"}}, "app.yml"),
        ({"emptyDir": {}}, "app.yml"),
    ],
)
def test_other_sub_paths_are_silent(volume: dict[str, Any], sub_path: str) -> None:
    snapshot, view = container(volume, CONFIG, mount={"subPath": sub_path})
    assert list(missing_sub_paths(snapshot, "default", view.pod.spec, view.spec)) == []


def test_an_error_that_names_no_path_is_about_the_sub_path_that_is_wrong() -> None:
    mount = {"mountPath": "/etc/app.yaml", "subPath": "app.yml"}
    place = container({"configMap": {"name": "web"}}, CONFIG, mount=mount)
    assert "subPath app.yml" in about("cat: read error: Is a directory", place)[0]
    assert about("read /srv/x: is a directory", place) == ("", [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("httpd: bind: Permission denied", "A port below 1024 is for root"),
        ("chown: /tmp: Operation not permitted", "drops ALL"),
        ("open /data/x: permission denied", ""),
    ],
)
def test_a_right_that_is_no_matter_of_files_is_told(line: str, words: str) -> None:
    snapshot, view = container({"emptyDir": {}})
    context = {"securityContext": {"capabilities": {"drop": ["ALL"]}}}
    view = replace(view, spec=convert({"name": "c", **context}, Container))
    told = about(line, (snapshot, view))[0]
    assert words in told
    assert bool(words) is ("root" in told or "drops" in told)


def test_the_nearest_key_of_a_config_map_is_told_and_it_is_pointed_at() -> None:
    told, points_at = about(
        "open /data/app.yml: no such file or directory", container({"configMap": {"name": "web"}}, CONFIG)
    )
    assert "app.yaml is the nearest to app.yml" in told
    assert points_at == ["ConfigMap default/web"]
    told, points_at = about(
        "open /data/app.yaml: no such file or directory", container({"configMap": {"name": "web"}}, CONFIG)
    )
    assert ("nearest" in told, points_at) == (False, [])


def test_a_path_on_no_volume_would_have_to_be_in_the_image() -> None:
    told, _ = about("open /dta/app.yaml: no such file or directory", container({"configMap": {"name": "web"}}, CONFIG))
    assert told == " No volume is mounted there (there is one at /data): app.yaml would have to be in the image."


def test_a_claim_that_another_pod_mounts_explains_a_held_lock() -> None:
    claim = {"persistentVolumeClaim": {"claimName": "d"}}
    other = {
        "kind": "Pod",
        "metadata": {"name": "old"},
        "spec": {"volumes": [{"name": "x", **claim}]},
        "status": {"phase": "Running"},
    }
    line = "opening storage failed: lock DB directory: resource temporarily unavailable"
    told, points_at = about(line, container(claim, other))
    assert "PersistentVolumeClaim d), which pod old mounts too." in told
    assert points_at == ["PersistentVolumeClaim default/d"]
    finished = {**other, "status": {"phase": "Succeeded"}}
    assert "mounts too" not in about(line, container(claim, finished))[0]


def test_a_volume_that_is_not_empty_may_hold_lost_and_found() -> None:
    line = 'initdb: error: directory "/data" exists but is not empty'
    assert "lost+found" in about(line, container({"persistentVolumeClaim": {"claimName": "d"}}))[0]
    assert "lost+found" not in about(line, container({"emptyDir": {}}))[0]


def test_a_low_port_is_roots() -> None:
    line = "listen tcp :80: bind: permission denied"
    user = {"securityContext": {"runAsUser": 1000}}
    told = about(line, container({"emptyDir": {}}, **user))[0]
    assert told.startswith(" The container runs as user 1000. A port below 1024 is for root")
    assert "1024" not in about(line.replace(":80", ":8080"), container({"emptyDir": {}}))[0]


def test_a_token_that_is_not_mounted_is_told() -> None:
    line = "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory"
    place = container({"emptyDir": {}}, automountServiceAccountToken=False)
    assert "automountServiceAccountToken: false" in about(line, place)[0]
    assert "automount" not in about(line, container({"emptyDir": {}}))[0]


@pytest.mark.parametrize(
    ("command", "path", "words"),
    [
        ("sh", "/bin", "Volume v is mounted at /bin, and hides what the image has there."),
        ("/app/run", "/app", "Volume v is mounted at /app, and hides what the image has there."),
        ("sh", "/data", ""),
        ("/app/run", "/data", ""),
    ],
)
def test_a_mount_over_the_place_of_a_command_hides_it(command: str, path: str, words: str) -> None:
    place = container({"emptyDir": {}}, mount={"mountPath": path})
    assert hidden_by_mount(*place, command) == words


def test_a_file_that_the_volume_itself_brings_is_hidden_by_nothing() -> None:
    place = container({"configMap": {"name": "web"}}, CONFIG, mount={"mountPath": "/app"})
    assert hidden_by_mount(*place, "/app/app.yaml") == ""
