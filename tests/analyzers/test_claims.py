"""Claims without a volume, by cause; events as the volume controller of 1.20 and external provisioners write them."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.claims import plugin
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

OLD = "2026-01-15T11:00:00Z"


def claim(
    *, phase: str = "Pending", created: str = OLD, annotations: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "creationTimestamp": created, "annotations": annotations or {}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}, **spec},
        "status": {"phase": phase},
    }


def storage_class(
    name: str, provisioner: str = "example.com/csi", mode: str = "Immediate", *, default: str = "false"
) -> dict[str, Any]:
    return {
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": default}},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
    }


def volume(
    name: str = "pv",
    size: str = "10Gi",
    modes: tuple[str, ...] = ("ReadWriteOnce",),
    phase: str = "Available",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    return {
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"capacity": {"storage": size}, "accessModes": list(modes), **spec},
        "status": {"phase": phase},
    }


def event(reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": "e"},
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data"},
        "lastTimestamp": OLD,
    }


def user(message: str = "") -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {
        "kind": "Pod",
        "metadata": {"name": "db"},
        "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
        "status": {"phase": "Pending", "conditions": [scheduled]},
    }


def found(*manifests: dict[str, Any], **options: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, **options)))


def test_a_class_that_does_not_exist_names_the_nearest() -> None:
    missing = event("ProvisioningFailed", 'storageclass.storage.k8s.io "fast-sd" not found')
    (finding,) = found(claim(storageClassName="fast-sd"), storage_class("fast-ssd"), missing)
    assert finding.reason == "ClaimPending/StorageClassNotFound"
    assert "the nearest there is fast-ssd" in finding.cause
    assert [str(ref) for ref in finding.points_at] == ["StorageClass fast-sd"]
    assert any(item.source == "event" for item in finding.evidence)


def test_a_pod_that_mounts_the_claim_makes_it_critical() -> None:
    assert [item.severity for item in found(claim(storageClassName="x"))] == [Severity.WARNING]
    assert [item.severity for item in found(claim(storageClassName="x"), user())] == [Severity.CRITICAL]


def test_no_class_and_no_default() -> None:
    (finding,) = found(claim(), storage_class("slow"))
    assert finding.reason == "ClaimPending/NoStorageClass"
    assert "no default StorageClass (there are slow)" in finding.cause


def test_a_default_class_that_came_after_the_claim() -> None:
    (finding,) = found(claim(), storage_class("slow", default="true"))
    assert finding.reason == "ClaimPending/NoStorageClass"
    assert "before slow became the default" in finding.cause


def test_a_provisioner_that_fails_is_quoted() -> None:
    failure = event("ProvisioningFailed", "rpc error: code = ResourceExhausted desc = quota exceeded")
    (finding,) = found(claim(storageClassName="slow"), storage_class("slow"), failure)
    assert finding.reason == "ProvisioningFailed"
    assert "quota exceeded" in finding.cause


def test_a_provisioner_that_says_nothing_for_long() -> None:
    waiting = event("ExternalProvisioning", "waiting for a volume to be created")
    (finding,) = found(claim(storageClassName="slow"), storage_class("slow"), waiting)
    assert finding.reason == "ClaimPending"
    assert "example.com/csi" in finding.cause


def test_a_provisioner_is_given_its_time() -> None:
    assert found(claim(storageClassName="slow", created="2026-01-15T11:59:30Z"), storage_class("slow")) == []


LATE = storage_class("late", mode="WaitForFirstConsumer")


def test_a_claim_that_waits_for_its_first_pod_is_well() -> None:
    waiting = event("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    assert found(claim(storageClassName="late"), LATE, waiting) == []
    assert found(claim(storageClassName="late"), LATE, user("0/1 nodes are available: 1 Insufficient cpu.")) == []


def test_a_claim_whose_pod_was_given_a_node_no_longer_waits() -> None:
    chosen = {"volume.kubernetes.io/selected-node": "node-1"}
    (finding,) = found(claim(storageClassName="late", annotations=chosen), LATE, user())
    assert finding.reason == "ClaimPending"


def test_a_local_class_whose_pod_found_no_volume() -> None:
    local = storage_class("local", "kubernetes.io/no-provisioner", "WaitForFirstConsumer")
    refused = user("0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.")
    (finding,) = found(claim(storageClassName="local"), local, refused)
    assert finding.reason == "ClaimPending/NoMatchingVolume"
    assert "no volume of class local at all" in finding.cause


@pytest.mark.parametrize(
    ("pv", "said"),
    [
        (volume(size="5Gi"), "pv has only 5Gi"),
        (volume(modes=("ReadOnlyMany",)), "pv offers ReadOnlyMany only"),
        (volume(labels={"disk": "slow"}), "lacks the labels"),
        (volume(claimRef={"namespace": "shop", "name": "other"}), "is taken by claim shop/other"),
        (volume(labels={"disk": "fast"}, phase="Released"), "is Released"),
        (
            volume(claimRef={"namespace": "shop", "name": "old"}, phase="Released"),
            "is Released, still reserved for the deleted claim shop/old",
        ),
        (volume(labels={"disk": "fast"}, volumeMode="Block"), "has volumeMode Block"),
        (volume(labels={"disk": "fast"}, storageClassName="other"), "no volume without a class at all"),
    ],
)
def test_each_way_in_which_a_volume_does_not_fit(pv: dict[str, Any], said: str) -> None:
    (finding,) = found(claim(storageClassName="", selector={"matchLabels": {"disk": "fast"}}), pv)
    assert finding.reason == "ClaimPending/NoMatchingVolume"
    assert said in finding.cause


def test_a_released_volume_can_be_freed() -> None:
    released = volume(claimRef={"namespace": "shop", "name": "old"}, phase="Released")
    (finding,) = found(claim(storageClassName=""), released)
    assert "patch pv pv --type=merge" in finding.remedies[-1].command
    (finding,) = found(claim(storageClassName=""), volume(claimRef={"namespace": "shop", "name": "other"}))
    assert not any("patch pv" in remedy.command for remedy in finding.remedies)


def test_a_class_that_provisions_nothing_is_not_proposed_as_the_default() -> None:
    local = storage_class("local", "kubernetes.io/no-provisioner")
    (finding,) = found(claim(), local)
    assert not any("annotate" in remedy.command for remedy in finding.remedies)
    (finding,) = found(claim(), local, storage_class("slow"))
    assert any("annotate storageclass slow" in remedy.command for remedy in finding.remedies)


def test_a_volume_that_fits_will_be_bound_in_a_moment() -> None:
    assert found(claim(storageClassName=""), volume(size="20Gi")) == []


def test_a_class_that_only_volumes_bear_is_not_called_missing() -> None:
    (finding,) = found(claim(storageClassName="manual"), volume(size="1Gi", storageClassName="manual"))
    assert finding.reason == "ClaimPending/NoMatchingVolume"


def test_a_volume_named_by_the_claim_must_exist_and_be_free() -> None:
    named = claim(storageClassName="", volumeName="pv")
    (absent,) = found(named)
    assert "does not exist" in absent.cause
    (taken,) = found(named, volume(claimRef={"namespace": "shop", "name": "other"}))
    assert "taken by claim shop/other" in taken.cause
    assert found(named, volume(claimRef={"namespace": "default", "name": "data"})) == []


def test_a_lost_claim() -> None:
    (finding,) = found(claim(phase="Lost", volumeName="pv"))
    assert (finding.reason, finding.severity) == ("ClaimLost", Severity.CRITICAL)


def test_where_classes_may_not_be_read_none_is_called_missing() -> None:
    gaps = [Gap(what=kind, why="403", kind=kind) for kind in ("StorageClass", "PersistentVolume")]
    assert found(claim(storageClassName="x"), gaps=gaps) == []


def test_where_classes_may_not_be_read_the_controllers_word_for_a_missing_one_counts() -> None:
    gaps = [Gap(what="StorageClass", why="403", kind="StorageClass")]
    missing = event("ProvisioningFailed", 'storageclass.storage.k8s.io "fast-sd" not found')
    (finding,) = found(claim(storageClassName="fast-sd"), missing, gaps=gaps)
    assert finding.reason == "ClaimPending/StorageClassNotFound"
    (other,) = found(claim(storageClassName="fast-sd"), event("ProvisioningFailed", "no quota left"), gaps=gaps)
    assert other.reason == "ProvisioningFailed"


def test_a_claim_made_just_now_or_bound_or_going_is_left_alone() -> None:
    assert found(claim(created="2026-01-15T11:59:58Z")) == []
    assert found(claim(phase="Bound")) == []
    going = claim()
    going["metadata"]["deletionTimestamp"] = OLD
    assert found(going) == []
