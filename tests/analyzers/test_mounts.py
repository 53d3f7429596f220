from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.mounts import plugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.testing import snapshot_of

Build = Callable[..., list[dict[str, Any]]]
CREATING = {"waiting": {"reason": "ContainerCreating"}}
VOLUMES = {
    "volumes": [
        {"name": "conf", "configMap": {"name": "app-config", "items": [{"key": "modee", "path": "m"}]}},
        {"name": "sec", "secret": {"secretName": "app-secret", "items": [{"key": "pasword", "path": "p"}]}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}},
        {"name": "host", "hostPath": {"path": "/no/such", "type": "Directory"}},
        {
            "name": "all",
            "projected": {"sources": [{"secret": {"name": "app-secret", "items": [{"key": "tokn", "path": "t"}]}}]},
        },
    ]
}
HELD = """
kind: ConfigMap
metadata: {name: app-config}
data: {mode: a}
---
kind: Secret
metadata: {name: app-secret}
data: {password: eA==}
---
kind: PersistentVolumeClaim
metadata: {name: data-web-0}
spec: {volumeName: pvc-0123}
"""
WAITED = (
    "FailedMount",
    "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data]: timed out waiting",
    2,
    5,
)


def found(*manifests: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def stuck(workload: Build, *events: tuple[Any, ...], **more: Any) -> list[dict[str, Any]]:
    return workload(
        more.pop("state", CREATING),
        phase=more.pop("phase", "Pending"),
        spec=VOLUMES,
        events=events,
        on_container=False,
        **more,
    )


@pytest.mark.parametrize(
    ("message", "refinement", "ref"),
    [
        (
            'MountVolume.SetUp failed for volume "conf" : configmap "app-confg" not found',
            "/ConfigMapNotFound",
            "ConfigMap default/app-confg",
        ),
        (
            'MountVolume.SetUp failed for volume "sec" : secret "nope" not found',
            "/SecretNotFound",
            "Secret default/nope",
        ),
        (
            'MountVolume.SetUp failed for volume "conf" : configmap references non-existent config key: modee',
            "/KeyNotFound",
            "ConfigMap default/app-config",
        ),
        (
            'MountVolume.SetUp failed for volume "sec" : references non-existent secret key: pasword',
            "/KeyNotFound",
            "Secret default/app-secret",
        ),
        (
            'MountVolume.SetUp failed for volume "all" : references non-existent secret key: tokn',
            "/KeyNotFound",
            "Secret default/app-secret",
        ),
        (
            (
                "Unable to attach or mount volumes: error processing PVC default/data-web-0: failed to fetch PVC "
                'from API server: persistentvolumeclaims "data-web-0" not found'
            ),
            "/VolumeClaimNotFound",
            "PersistentVolumeClaim default/data-web-0",
        ),
        (WAITED[1], "/Timeout", "PersistentVolumeClaim default/data-web-0"),
        (
            'MountVolume.MountDevice failed for volume "pvc-0123" : rpc error: code = Internal desc = x',
            "",
            "PersistentVolumeClaim default/data-web-0",
        ),
    ],
)
def test_the_kubelets_message_refines_the_reason(workload: Build, message: str, refinement: str, ref: str) -> None:
    [finding] = found(*stuck(workload, ("FailedMount", message, 8, 60), replicas=3), HELD)
    assert finding.reason == f"FailedMount{refinement}"
    assert "3 of 3 pods" in finding.title
    assert [str(item) for item in finding.points_at] == [ref]


def test_a_host_path_that_is_not_there(workload: Build) -> None:
    message = 'MountVolume.SetUp failed for volume "host" : hostPath type check failed: /no/such is not a directory'
    [finding] = found(*stuck(workload, ("FailedMount", message)))
    assert finding.reason == "FailedMount/HostPath"
    assert "/no/such is not a directory on node node-1" in finding.title


NO_MOUNTER = 'MountVolume.NewMounter initialization failed for volume "data" : volume mode "Ephemeral" not supported by'
NO_CLIENT = 'MountVolume.SetUp failed for volume "data" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client:'
OUTPUT = (
    'MountVolume.SetUp failed for volume "data" : mount failed: exit status 32\nMounting command: mount\n'
    "Mounting arguments: -t nfs 10.0.0.9:/x /var/lib/kubelet/pods/0545ffc3/volumes/kubernetes.io~nfs/data\nOutput: {}\n"
)


@pytest.mark.parametrize(
    ("message", "refinement"),
    [
        (
            OUTPUT.format(
                "mount: /var/lib/kubelet/x: bad option; for several filesystems (e.g. nfs, cifs) you might need a "
                "/sbin/mount.<type> helper program."
            ),
            "/FileSystemUnknown",
        ),
        (OUTPUT.format("mount: /x: unknown filesystem type 'nfs'."), "/FileSystemUnknown"),
        (OUTPUT.format("mount.nfs: Connection timed out"), "/ServerUnreachable"),
        (OUTPUT.format("mount.nfs: access denied by server while mounting 10.0.0.9:/x"), "/AccessDenied"),
        (
            OUTPUT.format("mount.nfs: mounting 10.0.0.9:/x failed, reason given by server: No such file or directory"),
            "/PathNotFound",
        ),
        (OUTPUT.format("mount: /x: wrong fs type, bad option, bad superblock on /dev/vdb"), "/FileSystem"),
        (f"{NO_MOUNTER} driver secrets-store.csi.k8s.io (no CSIDriver object)", "/DriverNotFound"),
        (f"{NO_CLIENT} driver name ebs.csi.aws.com not found in the list of registered CSI drivers", "/DriverNotFound"),
        (
            'MountVolume.SetUp failed for volume "data" : failed to fetch token: serviceaccounts "web" not found',
            "/ServiceAccountNotFound",
        ),
        (OUTPUT.format("something else"), ""),
    ],
)
def test_what_drivers_and_the_mount_program_say_refines_the_reason(
    workload: Build, message: str, refinement: str
) -> None:
    [finding] = found(*stuck(workload, ("FailedMount", message, 4, 60)))
    assert finding.reason == f"FailedMount{refinement}"


def test_the_server_of_a_volume_is_named(workload: Build) -> None:
    volumes = {"volumes": [{"name": "data", "nfs": {"server": "10.0.0.9", "path": "/x"}}]}
    event = ("FailedMount", OUTPUT.format("mount.nfs: No route to host"), 4, 60)
    [finding] = found(*workload(CREATING, phase="Pending", spec=volumes, events=[event]))
    assert "its server does not answer (10.0.0.9:/x)" in finding.title
    assert "exit status 32: mount.nfs: No route to host." in finding.cause


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('Multi-Attach error for volume "pvc-0123" Volume is already exclusively attached', "/MultiAttach"),
        ('Multi-Attach error for volume "pvc-0123" Volume is already used by pod(s) web-0', "/MultiAttach"),
        ('AttachVolume.Attach failed for volume "pvc-0123" : rpc error: code = NotFound desc = disk not there', ""),
    ],
)
def test_a_volume_that_cannot_be_attached_leads_to_its_claim(workload: Build, message: str, reason: str) -> None:
    [finding] = found(*stuck(workload, WAITED, ("FailedAttachVolume", message, 1, 90)), HELD)
    assert finding.reason == f"FailedAttachVolume{reason}"
    assert [str(item) for item in finding.points_at] == ["PersistentVolumeClaim default/data-web-0"]
    assert len(finding.evidence) == 2


def holder(node: str, claim: str = "data-web-0") -> dict[str, Any]:
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": claim}}]
    spec = {"nodeName": node, "volumes": volumes}
    return {"kind": "Pod", "metadata": {"name": "old"}, "spec": spec, "status": {"phase": "Running"}}


def test_who_has_the_volume_is_named_and_its_node_blamed_if_that_is_lost(workload: Build) -> None:
    taken = (
        "FailedAttachVolume",
        'Multi-Attach error for volume "pvc-0123" Volume is already used by pod(s) old',
        1,
        9,
    )
    ready = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    lost = {"kind": "Node", "metadata": {"name": "node-9"}, "status": ready}
    [finding] = found(*stuck(workload, taken), HELD, holder("node-9"), lost)
    assert "Pod old on node-9 has it; one node at a time may." in finding.cause
    assert [str(ref) for ref in finding.points_at] == ["Node node-9", "PersistentVolumeClaim default/data-web-0"]
    [finding] = found(*stuck(workload, taken), HELD, holder("node-9", "other"), lost)
    assert "has it" not in finding.cause


def test_an_older_cause_speaks_louder_than_a_newer_timeout(workload: Build) -> None:
    cause = ("FailedMount", 'MountVolume.SetUp failed for volume "conf" : configmap "app-confg" not found', 8, 200)
    [finding] = found(*stuck(workload, WAITED, cause), HELD)
    assert finding.reason == "FailedMount/ConfigMapNotFound"
    assert "There is ConfigMap app-config: was that meant?" in finding.cause


def test_the_keys_that_exist_are_told(workload: Build) -> None:
    message = 'MountVolume.SetUp failed for volume "conf" : configmap references non-existent config key: modee'
    [finding] = found(*stuck(workload, ("FailedMount", message)), HELD)
    assert "Its keys: mode. Was mode meant?" in finding.cause


MISSING = ("FailedMount", 'MountVolume.SetUp failed for volume "conf" : configmap "x" not found', 3, 600)


def test_old_events_of_a_running_pod_are_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-15T11:55:00Z"}}
    assert found(*stuck(workload, MISSING, state=state, phase="Running")) == []


def test_a_pod_that_pulls_its_image_has_its_volumes(workload: Build) -> None:
    assert found(*stuck(workload, MISSING, ("Pulling", "Pulling image", 1, 5))) == []


def test_events_of_an_earlier_pod_of_the_same_name_are_silent(workload: Build) -> None:
    objects = stuck(workload, MISSING)
    objects[-1]["involvedObject"]["uid"] = "uid-of-another"
    assert found(*objects) == []


def test_a_single_slow_cache_at_start_is_silent(workload: Build) -> None:
    message = 'MountVolume.SetUp failed for volume "conf" : failed to sync configmap cache: timed out waiting'
    assert found(*stuck(workload, ("FailedMount", message, 1, 5))) == []


@pytest.mark.parametrize(("made", "is_told"), [("2026-01-15T11:00:00Z", True), ("2026-01-15T11:59:59Z", False)])
def test_what_came_after_the_kubelet_looked_is_not_missing(workload: Build, made: str, is_told: bool) -> None:
    message = 'MountVolume.SetUp failed for volume "conf" : configmap "app-config" not found'
    manifests = workload(CREATING, phase="Pending", spec=VOLUMES, events=[("FailedMount", message, 3, 1)])
    came = f"{{kind: ConfigMap, metadata: {{name: app-config, creationTimestamp: '{made}'}}, data: {{modee: a}}}}"
    assert bool(found(*manifests, came)) is is_told


def test_what_the_pod_will_lack_next_is_told_at_once(workload: Build) -> None:
    event = ("FailedMount", 'MountVolume.SetUp failed for volume "conf" : configmap "app-confg" not found', 5, 5)
    [whole] = found(*stuck(workload, event), HELD)
    assert "It will lack" not in whole.cause
    [lacking] = found(*stuck(workload, event), HELD.split("---", maxsplit=1)[0])
    assert lacking.cause.endswith("It will lack Secret app-secret next: of that name there is none.")
