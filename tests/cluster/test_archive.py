from __future__ import annotations

import dataclasses
import gzip
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster.archive import FORMAT, SCHEMA_VERSION, load, save
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.parts import Part
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.errors import NotFoundError, SnapshotError
from kubeagentix.testing import log_of, snapshot_of

MANIFESTS = """
kind: Pod
metadata: {name: web, namespace: shop, creationTimestamp: "2026-01-15T11:00:00+02:00", labels: {app: web}}
spec:
  containers:
  - name: app
    command: [sh, -c, "exit 1"]
    ports: [{containerPort: 80}]
    readinessProbe: {httpGet: {port: http}}
    livenessProbe: {tcpSocket: {port: 8080}}
    resources: {limits: {memory: 64Mi, cpu: 1, example.com/x: 0.5}}
    securityContext: {runAsNonRoot: false}
  volumes: [{name: tmp, emptyDir: {}}]
status:
  containerStatuses:
  - name: app
    state: {terminated: {exitCode: 137, finishedAt: "2026-01-15T11:59:59.123456Z"}}
---
kind: Secret
metadata: {name: db}
type: Opaque
data: {password: aHVudGVyMg==, empty: ""}
---
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
kind: Deployment
metadata: {name: web}
spec: {replicas: 0, selector: {matchLabels: {app: web}}, strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}}
---
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: ""}
---
kind: Event
metadata: {name: e}
involvedObject: {kind: Pod, name: web, namespace: shop}
eventTime: "2026-01-15T11:59:59.123456Z"
series: {count: 3}
---
kind: Node
metadata: {name: node-1}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop, generation: 2}
spec: {secretName: web-tls, issuerRef: {name: letsencrypt, kind: ClusterIssuer}}
status: {conditions: [{type: Ready, status: "False", reason: DoesNotExist, lastTransitionTime: "2026-01-15T11:00:00Z"}]}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web, namespace: shop}
"""


def picture(**fields: Any) -> Snapshot:
    made = snapshot_of(
        MANIFESTS,
        logs=[log_of("web", "app", "one\ntwo ✓\n\x1b[31mred", namespace="shop", previous=True)],
        gaps=[Gap(what="secrets", why="403", kind="ServiceAccount", namespace="x"), Gap(what="logs", why="limit")],
        namespace="shop",
        taken_at=datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC),
    )
    return dataclasses.replace(made, neighbours=("next-door",), **fields)


def test_what_is_loaded_equals_what_was_saved_field_by_field(tmp_path: Path) -> None:
    parts = {Part("Pod", "shop", labels=frozenset({"app=web", "!canary"})), Part("Node", "", "node-1")}
    snapshot = picture(parts=frozenset(parts))
    save(snapshot, tmp_path / "s.json.gz")
    loaded = load(tmp_path / "s.json.gz")
    assert loaded == snapshot
    for field in dataclasses.fields(Snapshot):
        assert getattr(snapshot, field.name) != getattr(Snapshot(taken_at=datetime.now(UTC)), field.name), (
            f"this test does not cover {field.name}"
        )
    for kind, items in snapshot.objects.items():
        assert [type(item) for item in loaded.objects[kind]] == [type(item) for item in items]
        assert all(item.kind == kind for item in loaded.objects[kind])
    assert list(loaded.objects) == list(snapshot.objects)
    assert isinstance(loaded.logs[0], ContainerLog)


def test_the_times_of_log_lines_are_kept_and_files_without_them_load(tmp_path: Path) -> None:
    log = log_of("web", "app", "one\ntwo", namespace="shop")
    timed = dataclasses.replace(log, begins_at=datetime(2026, 1, 15, 11, 0, tzinfo=UTC), offsets_ms=(0, 2500))
    save(picture(logs=(timed,)), tmp_path / "new")
    assert load(tmp_path / "new").logs == (timed,)
    older = gzip.decompress((tmp_path / "new").read_bytes()).replace(
        b',"begins_at":"2026-01-15T11:00:00Z","offsets_ms":[0,2500]', b""
    )
    assert b"offsets_ms" not in older
    (tmp_path / "old").write_bytes(gzip.compress(older))
    assert load(tmp_path / "old").logs == (log,)


def test_a_file_whose_custom_objects_pose_as_pods_is_refused(tmp_path: Path) -> None:
    save(picture(), tmp_path / "s.json.gz")
    document = json.loads(gzip.decompress((tmp_path / "s.json.gz").read_bytes()))
    document["custom"][0]["name"] = "Pod"
    (tmp_path / "t").write_bytes(gzip.compress(json.dumps(document).encode()))
    with pytest.raises(SnapshotError, match="custom objects of the kind Pod"):
        load(tmp_path / "t")


def test_kinds_that_were_not_read_stay_unread(tmp_path: Path) -> None:
    snapshot = Snapshot(taken_at=datetime.now(UTC), objects={"Pod": ()})
    save(snapshot, tmp_path / "s")
    assert dict(load(tmp_path / "s").objects) == {"Pod": ()}


def test_a_file_is_for_its_owner_only_and_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "s.json.gz"
    target.write_text("the old one")
    target.chmod(0o644)
    save(picture(), target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["s.json.gz"]
    save(picture(cluster="again"), target)
    assert load(target).cluster == "again"


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"cannot write .*/no/such: No such file or directory"):
        save(picture(), tmp_path / "no" / "such")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SnapshotError, match=r"cannot write .*/folder: Is a directory"):
        save(picture(), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file .*/nope"):
        load(tmp_path / "nope")


def packed(document: Any) -> bytes:
    return gzip.compress(document if isinstance(document, bytes) else json.dumps(document).encode(), mtime=0)


WHOLE = {
    "format": FORMAT,
    "schema_version": SCHEMA_VERSION,
    "cluster": "lab",
    "server_version": "v1",
    "taken_at": "2026-01-15T12:00:00Z",
    "namespace": None,
    "neighbours": [],
    "gaps": [],
    "logs": [],
    "objects": {},
}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged|is no usable snapshot"),
        (b"apiVersion: v1\n", "is no snapshot: not compressed with gzip"),
        (packed(WHOLE)[:-9], "is damaged: it ends early"),
        (packed(WHOLE)[:40] + b"\x00\x01\x02" + packed(WHOLE)[43:], "is damaged"),
        (packed(b"not json"), "is no usable snapshot"),
        (packed(b"\xff\xfe"), "is no usable snapshot"),
        (packed([1, 2]), "is no usable snapshot"),
        (packed({"kind": "List"}), "is no snapshot of KubeAgentiX"),
        (packed({**WHOLE, "schema_version": 99}), "has schema version 99; this KubeAgentiX reads 1"),
        (packed({key: WHOLE[key] for key in WHOLE if key != "gaps"}), "missing required field `gaps`"),
        (packed({**WHOLE, "taken_at": "yesterday"}), "is no usable snapshot: .*taken_at"),
        (packed({**WHOLE, "objects": {"Starship": []}}), "unknown kind 'Starship'"),
        (packed({**WHOLE, "objects": {"Pod": [{"spec": []}]}}), "is no usable snapshot: .*spec"),
    ],
)
def test_a_file_that_is_no_snapshot_is_told_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "f"
    file.write_bytes(content)
    with pytest.raises(SnapshotError, match=said) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_the_document_these_cases_damage_is_itself_fine(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(packed(WHOLE))
    assert load(tmp_path / "f").cluster == "lab"


def test_a_bomb_is_refused_while_it_is_small(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(gzip.compress(bytes(64 << 20)))
    with pytest.raises(SnapshotError, match=r"unpacks to more than 8 MiB"):
        load(tmp_path / "bomb", max_bytes=8 << 20)


def test_a_folder_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"cannot read .*: Is a directory"):
        load(tmp_path)


def test_credentials_are_not_saved(tmp_path: Path) -> None:
    pod = """
    apiVersion: v1
    kind: Pod
    metadata: {name: web, namespace: shop, annotations: {note: "use token=t0k3n-Zq7x99"}}
    spec:
      containers:
      - {name: web, env: [{name: DB_PASSWORD, value: hunter2-Zq7x}], args: [--secret-key, s3cr3t-Zq7x]}
    """
    log = ContainerLog(
        namespace="shop", pod="web", container="web", is_previous=False, lines=("login as app", "hunter2-Zq7x refused")
    )
    snapshot = dataclasses.replace(snapshot_of(pod), logs=(log,))
    save(snapshot, tmp_path / "it")
    written = gzip.decompress((tmp_path / "it").read_bytes()).decode()
    for planted in ("hunter2", "t0k3n", "s3cr3t"):
        assert planted in repr(snapshot.objects) + repr(snapshot.logs)
        assert planted not in written
    loaded = load(tmp_path / "it")
    container = loaded.all(Pod)[0].spec.containers[0]
    assert container.args == ("--secret-key", "[MASKED-2]")
    assert loaded.logs[0].lines == ("login as app", f"{container.env[0].value} refused")


def test_a_file_that_is_nested_too_deeply_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "deep"
    for text in (b"[" * 100_000, b'{"a":' * 100_000, b'{"format":' * 5_000):
        file.write_bytes(gzip.compress(text))
        with pytest.raises(SnapshotError, match="no usable snapshot"):
            load(file)
