"""When root causes of several clusters are one incident, and when they are not."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.domain.diagnosis import REGISTRY, ResourceRef, Severity
from kubeagentix.fleet.incidents import incidents_of
from kubeagentix.fleet.report import ClusterReport, RootCause


def cause(kind: str = "Deployment", place: str = "shop", name: str = "web", **fields: Any) -> RootCause:
    values: dict[str, Any] = {
        "id": "h-1",
        "title": "it is broken",
        "summary": "",
        "reason": "CrashLoopBackOff/Panic",
        "severity": Severity.CRITICAL,
        "confidence": 0.9,
        "symptoms": 0,
    }
    return RootCause(root=ResourceRef(kind=kind, namespace=place, name=name), **{**values, **fields})


def reports(*roots: RootCause | tuple[RootCause, ...] | None) -> list[ClusterReport]:
    """A report for each: its root causes, or None for a cluster that could not be asked."""
    return [
        ClusterReport(name=f"c{place}", why="gone" if item is None else "", roots=_several(item))
        for place, item in enumerate(roots)
    ]


def _several(item: RootCause | tuple[RootCause, ...] | None) -> tuple[RootCause, ...]:
    return item if isinstance(item, tuple) else (item,) if item is not None else ()


PULL = "ImagePullBackOff"
HUB = ResourceRef(kind=REGISTRY, name="registry.example")


def test_the_same_object_with_the_same_reason_is_one() -> None:
    (found,) = incidents_of(reports(cause(), cause(), None, ()))
    assert (found.title, found.spread) == ("CrashLoopBackOff/Panic of Deployment shop/web", "2 of 3 clusters")
    assert found.clusters == ("c0", "c1")


@pytest.mark.parametrize(
    "other",
    [
        cause(reason="OOMKilled"),
        cause(name="api"),
        cause(place="store"),
        cause(kind="StatefulSet"),
        cause(name="api", images=("registry.example/api:1",)),
    ],
    ids=["reason", "name", "namespace", "kind", "image"],
)
def test_what_differs_is_two(other: RootCause) -> None:
    assert len(incidents_of(reports(cause(images=("registry.example/web:1",)), other))) == 2


def test_a_registry_is_one_incident_whatever_is_pulled_from_it() -> None:
    one = cause(reason=f"{PULL}/Network", shared=HUB, image="registry.example/web:1")
    two = cause(name="api", reason=f"{PULL}/RateLimited", shared=HUB, image="registry.example/api:1")
    (found,) = incidents_of(reports(one, two, two))
    assert found.title == "ImagePullBackOff/RateLimited of registry registry.example"
    assert found.spread == "3 of 3 clusters"


def test_an_image_that_cannot_be_had_is_one_incident_whoever_wants_it() -> None:
    wanted = {"reason": f"{PULL}/TagNotFound", "image": "registry.example/web:1"}
    (found,) = incidents_of(reports(cause(**wanted), cause(place="store", name="front", **wanted)))
    assert found.title == "ImagePullBackOff/TagNotFound of image registry.example/web:1"
    other = {**wanted, "image": "registry.example/web:2"}
    assert len(incidents_of(reports(cause(**wanted), cause(place="store", name="front", **other)))) == 2


def test_the_same_images_under_other_names_are_one() -> None:
    tenants = [cause(place=f"tenant-{number}", images=("registry.example/app:7",)) for number in range(3)]
    (found,) = incidents_of(reports((tenants[0], tenants[1]), tenants[2]))
    assert found.title == "CrashLoopBackOff/Panic of 3 Deployments with image registry.example/app:7"
    assert (len(found.affected), found.clusters) == (3, ("c0", "c1"))


def test_machines_are_named_anew_in_each_cluster() -> None:
    nodes = [cause(kind="Node", place="", name=f"ip-10-0-0-{number}", reason="NodeNotReady") for number in range(2)]
    (found,) = incidents_of(reports(*nodes))
    assert found.title == "NodeNotReady of 2 Nodes, such as Node ip-10-0-0-0"


def test_pods_and_jobs_count_without_what_controllers_add_to_their_names() -> None:
    jobs = [cause(kind="Job", name=f"backup-{number}") for number in (28301040, 28301045)]
    assert len(incidents_of(reports(*jobs))) == 1


def test_the_worst_is_first_and_then_the_widest() -> None:
    warning = cause(name="slow", severity=Severity.WARNING)
    wide, narrow = cause(name="wide"), cause(name="narrow", confidence=0.99)
    found = incidents_of(reports((warning, wide), (warning, wide), (warning, narrow)))
    assert [item.title.rpartition("/")[2] for item in found] == ["wide", "narrow", "slow"]


def test_one_cluster_under_two_names_counts_once() -> None:
    as_admin = ClusterReport(name="admin@prod", identity="uid-1", roots=(cause(),))
    as_viewer = ClusterReport(name="viewer@prod", identity="uid-1", roots=(cause(),))
    (found,) = incidents_of([as_admin, as_viewer])
    assert found.spread == "1 of 1 cluster"
    assert found.clusters == ("admin@prod",)


def test_an_incident_keeps_its_id() -> None:
    first, again = (incidents_of(reports(cause(), cause()))[0] for _ in range(2))
    assert first.id == again.id
