"""Objects without their owner, and those that only seem to be."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.owners import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of


def owned(
    *, kind: str = "Deployment", version: str = "apps/v1", made: str = "10:00", uid: str = "u1", extra: str = ""
) -> str:
    return f"""
kind: ConfigMap
metadata:
  name: settings
  creationTimestamp: "2026-01-15T{made}:00Z"
  ownerReferences: [{{apiVersion: {version}, kind: {kind}, name: web, uid: {uid}}}]
  {extra}
"""


DEPLOYMENT = "kind: Deployment\nmetadata: {name: web, uid: u1}"


def find(*manifests: str, gaps: tuple[Gap, ...] = ()) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests, gaps=gaps)))


def test_an_owner_that_is_not_there_is_information() -> None:
    (finding,) = find(owned())
    assert (finding.reason, finding.severity) == ("OwnerNotFound", Severity.INFO)
    assert "owned by Deployment default/web, which does not exist" in finding.title


def test_another_owner_of_the_same_name_is_not_the_owner() -> None:
    assert [item.reason for item in find(owned(uid="u0"), DEPLOYMENT)] == ["OwnerNotFound"]


@pytest.mark.parametrize(
    "manifests",
    [
        (owned(), DEPLOYMENT),
        (owned(made="11:58"),),
        (owned(kind="Rollout", version="argoproj.io/v1alpha1"),),
        (owned(version="example.org/v1"),),
        (owned(extra='deletionTimestamp: "2026-01-15T11:00:00Z"'),),
    ],
    ids=["there", "young", "a kind that is not read", "another group's kind", "going"],
)
def test_what_has_its_owner_or_may_have_it_is_silent(manifests: tuple[str, ...]) -> None:
    assert find(*manifests) == []


def test_an_owner_that_was_not_read_is_not_missing() -> None:
    assert find(owned(), gaps=(Gap(what="deployments", why="403", kind="Deployment"),)) == []


EVENT = """
kind: Event
metadata: {name: e}
involvedObject: {kind: ConfigMap, namespace: default, name: settings}
type: Warning
reason: OwnerRefInvalidNamespace
message: 'ownerRef [apps/v1/Deployment, namespace: default, name: web, uid: u1] does not exist in namespace "default"'
"""


def test_an_owner_in_another_namespace_is_a_warning() -> None:
    (finding,) = find(owned(kind="Rollout", version="argoproj.io/v1alpha1"), EVENT)
    assert (finding.reason, finding.severity) == ("OwnerRefInvalidNamespace", Severity.WARNING)
    assert find(EVENT) == []
