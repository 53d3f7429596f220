"""Which pods a selector that selects nothing most likely meant."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.selectors import Candidate, candidates, is_one_slip, matching, nearest
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.testing import snapshot_of


def candidate(name: str, **labels: str) -> Candidate:
    ref = ResourceRef(kind="Deployment", namespace="default", name=name)
    return Candidate(
        ref=ref, labels={key.replace("_", "/"): value for key, value in labels.items()}, replicas=1, pods=1
    )


def test_identity_label_outweighs_shared_ones() -> None:
    among = [candidate("db", app="db", team="shop", env="prod"), candidate("web", app="web", team="x", env="y")]
    miss = nearest({"app": "web", "team": "shop", "env": "prod"}, among, name="svc")
    assert miss is not None
    assert miss.candidate.ref.name == "web"
    assert miss.differences == (("env", "prod", "y"), ("team", "shop", "x"))


def test_like_named_workload_is_meant() -> None:
    miss = nearest({"app": "website"}, [candidate("db", app="db"), candidate("web", app="frontend")], name="web")
    assert miss is not None
    assert miss.candidate.ref.name == "web"


def test_nothing_alike_is_nothing() -> None:
    assert nearest({"app": "queue"}, [candidate("db", app="db")], name="queue") is None


def test_shared_label_counts_only_for_workloads_nobody_serves() -> None:
    web = candidate("web", app="web", team="shop")
    selector = {"app": "queue", "team": "shop"}
    assert nearest(selector, [web], name="queue") is not None
    assert nearest(selector, [web], name="queue", served=[web.ref]) is None


@pytest.mark.parametrize("typed", ["apl", "aip", "appi", "api2"])
def test_one_slip_of_a_finger_is_recognised_in_short_words_too(typed: str) -> None:
    api = candidate("api", app="api")
    assert nearest({"app": typed}, [api], name="other", served=[api.ref]) is not None
    assert nearest({"app": "dx"}, [candidate("db", app="db")], name="other") is None  # two letters tell nothing


def test_a_word_more_or_less_is_meant_for_a_workload_that_nobody_serves() -> None:
    cart = candidate("cart", app="cart")
    assert nearest({"app": "cart-service"}, [cart], name="shop") is not None
    assert nearest({"app": "cart-service"}, [cart], name="shop", served=[cart.ref]) is None


@pytest.mark.parametrize(("left", "right"), [("web", "db"), ("api", "pai2"), ("cart", "card-x"), ("orders", "folders")])
def test_other_words_are_no_slips(left: str, right: str) -> None:
    assert not is_one_slip(left, right)
    assert not is_one_slip(right, left)


def test_candidates_are_workloads_bare_pods_and_unknown_owners_but_not_jobs() -> None:
    snapshot = snapshot_of(
        "kind: Deployment\nmetadata: {name: web}\nspec: {template: {metadata: {labels: {app: web}}}}",
        "kind: Pod\nmetadata: {name: bare, labels: {app: bare}}",
        "kind: Pod\nmetadata: {name: r, ownerReferences: [{kind: Rollout, name: ro, controller: true}]}",
        "kind: Pod\nmetadata: {name: j, labels: {app: j}, ownerReferences: [{kind: Job, name: jo, controller: true}]}",
    )
    found = candidates(snapshot, "default")
    assert [(item.ref.kind, item.ref.name) for item in found] == [
        ("Deployment", "web"),
        ("Pod", "bare"),
        ("Rollout", "ro"),
    ]
    assert [item.ref.name for item in matching({"app": "bare"}, found)] == ["bare"]


def test_replica_sets_of_unknown_controllers_tell_what_is_wanted() -> None:
    snapshot = snapshot_of(
        """
kind: ReplicaSet
metadata: {name: web-1, ownerReferences: [{kind: Rollout, name: web, controller: true}]}
spec: {replicas: 0, template: {metadata: {labels: {app: web, hash: "1"}}}}
"""
    )
    [found] = candidates(snapshot, "default")
    assert (str(found.ref), found.replicas, dict(found.labels)) == (
        "Rollout default/web",
        0,
        {"app": "web", "hash": "1"},
    )
