"""Objects that should be gone, and what holds them."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.deletions import analyze
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.testing import snapshot_of
from tests.analyzers.conftest import ago

LONG_AGO = "2026-01-15T11:00:00Z"
JUST_NOW = "2026-01-15T11:59:30Z"


def held(
    finalizer: str = "example.com/backup", *, kind: str = "ConfigMap", name: str = "held", deleted: str = LONG_AGO
) -> str:
    return f"""
kind: {kind}
metadata: {{name: {name}, namespace: shop, deletionTimestamp: "{deleted}", finalizers: [{finalizer}]}}
"""


def namespace(*conditions: str, deleted: str = LONG_AGO) -> str:
    said = ", ".join(f"{{type: {name}, status: 'True', reason: r, message: said {name}}}" for name in conditions)
    return f"""
kind: Namespace
metadata: {{name: shop, deletionTimestamp: "{deleted}"}}
status: {{phase: Terminating, conditions: [{said}]}}
"""


POD = """
kind: Pod
metadata: {name: db-0, namespace: shop, ownerReferences: [{kind: StatefulSet, name: db, controller: true}]}
spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}
status: {phase: Running}
"""
ENDING = """
kind: Pod
metadata: {name: slow, namespace: shop, deletionTimestamp: "2026-01-15T12:03:00Z"}
"""


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


def test_an_object_held_by_a_finalizer_is_told_with_its_name() -> None:
    (finding,) = find(held())
    assert (str(finding.ref), finding.reason) == ("ConfigMap shop/held", "Terminating/Finalizer")
    assert "example.com/backup" in finding.title
    assert [remedy.effect for remedy in finding.remedies] == ["read", "write"]


@pytest.mark.parametrize(
    "quiet",
    [
        held(deleted=JUST_NOW),
        held().replace(f', deletionTimestamp: "{LONG_AGO}"', ""),
        held(kind="Pod"),  # told of with its node and its containers
        namespace(deleted=JUST_NOW),
        "{kind: Namespace, metadata: {name: shop, finalizers: [example.com/x]}}",
    ],
)
def test_what_is_not_overdue_is_silent(quiet: str) -> None:
    assert find(quiet) == []


def custom(deleted: str, status: str = "{}") -> str:
    return f"""
apiVersion: a.example/v1
kind: Widget
metadata: {{name: w, namespace: default, finalizers: [a.example/clean-up], deletionTimestamp: "{deleted}"}}
status: {status}
"""


def test_a_custom_resource_is_given_time_if_somebody_looks_after_it() -> None:
    at_work = "{conditions: [{type: Ready, status: 'False', reason: Deleting}]}"
    assert [item.reason for item in find(custom(ago(300)))] == ["Terminating/Finalizer"]
    assert find(custom(ago(300), at_work)) == []
    assert len(find(custom(ago(900), at_work))) == 1


def test_a_definition_waits_for_its_objects() -> None:
    definition = f"""
kind: CustomResourceDefinition
metadata:
  name: widgets.a.example
  finalizers: [customresourcecleanup.apiextensions.k8s.io]
  deletionTimestamp: "{LONG_AGO}"
spec: {{group: a.example, names: {{kind: Widget, plural: widgets}}}}
"""
    of_definition = next(item for item in find(definition, custom(LONG_AGO)) if item.ref.kind != "Widget")
    assert [str(ref) for ref in of_definition.points_at] == ["Widget default/w"]


def test_a_claim_that_a_pod_mounts_is_in_use() -> None:
    claim = held("kubernetes.io/pvc-protection", kind="PersistentVolumeClaim", name="data")
    (finding,) = find(claim, POD)
    assert finding.reason == "Terminating/InUse"
    assert "StatefulSet shop/db" in finding.title
    assert all(remedy.effect == "read" for remedy in finding.remedies)
    assert find(claim)[0].reason == "Terminating/Finalizer"


def test_a_namespace_points_at_what_is_held_in_it() -> None:
    found = {finding.ref.kind: finding for finding in find(held(), namespace("NamespaceFinalizersRemaining"))}
    assert found["Namespace"].reason == "Terminating/Finalizer"
    assert found["Namespace"].cause == "said NamespaceFinalizersRemaining."
    assert [str(ref) for ref in found["Namespace"].points_at] == ["ConfigMap shop/held"]


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        (("NamespaceContentRemaining", "NamespaceDeletionDiscoveryFailure"), "Terminating/APIUnavailable"),
        (("NamespaceDeletionContentFailure",), "Terminating/DeletionFailed"),
        (("NamespaceContentRemaining",), "Terminating"),
        ((), "Terminating"),
    ],
)
def test_the_conditions_of_a_namespace_say_what_it_waits_for(conditions: tuple[str, ...], reason: str) -> None:
    assert [finding.reason for finding in find(namespace(*conditions))] == [reason]


def test_a_namespace_whose_pods_are_still_given_time_is_silent() -> None:
    assert find(namespace("NamespaceContentRemaining"), ENDING) == []


REMAINING = (
    "Some resources are remaining: configmaps. has 1 resource instances, roles.rbac.authorization.k8s.io has 2 "
    "resource instances"
)
HOLDING = "Some content in the namespace has finalizers remaining: example.com/cleanup in 3 resource instances"


def test_the_title_says_what_is_left_and_which_finalizers_hold_it() -> None:
    manifest = (
        namespace("NamespaceContentRemaining", "NamespaceFinalizersRemaining")
        .replace("said NamespaceContentRemaining", f"'{REMAINING}'")
        .replace("said NamespaceFinalizersRemaining", f"'{HOLDING}'")
    )
    (finding,) = find(manifest)
    assert finding.title.endswith(": 1 configmaps, 2 roles.rbac.authorization.k8s.io left, held by example.com/cleanup")


UNEXPECTED = (
    "Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: shop for gvr: /v1, "
    "Resource=%s"
)


@pytest.mark.parametrize(
    ("what", "deleted", "reasons"),
    [
        ("pods", "2026-01-15T11:58:00Z", []),
        ("pods", "2026-01-15T11:50:00Z", ["Terminating/DeletionFailed"]),
        ("secrets", "2026-01-15T11:58:00Z", ["Terminating/DeletionFailed"]),
    ],
)
def test_a_namespace_is_given_time_for_pods_that_were_not_read(what: str, deleted: str, reasons: list[str]) -> None:
    manifest = namespace("NamespaceDeletionContentFailure", deleted=deleted).replace(
        "said NamespaceDeletionContentFailure", f"'{UNEXPECTED % what}'"
    )
    assert [finding.reason for finding in analyze(snapshot_of(manifest, namespace="other"))] == reasons
