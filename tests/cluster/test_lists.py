from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster import lists
from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.kubeconfig import resolve
from kubeagentix.cluster.lists import PAGE_BYTES, Listing, ListRequest, read_list
from kubeagentix.cluster.projections import Page
from kubeagentix.cluster.sharing import SharedParts
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.workloads import Deployment, ReplicaSet
from kubeagentix.errors import ApiError, ForbiddenError, UnreachableError
from tests.cluster.conftest import FakeApi, Reply, Seen, listing, named, status

PODS = "/api/v1/pods"
EXPIRED = "The provided continue parameter is too old"


@pytest.fixture
def client(api: FakeApi, tmp_path: Path) -> Iterator[Client]:
    """A client of the scripted server."""
    made = Client(resolve(kubeconfig=api.kubeconfig(tmp_path)))
    yield made
    made.close()


def read(client: Client, kind: str = "Pod", *versions: str, seconds: float = 10, **fields: Any) -> Listing:
    request = ListRequest(kind=KINDS[kind], versions=versions or ("v1",), namespace=None, **fields)
    return asyncio.run(read_list(client, request, Deadline(seconds)))


def names(result: Listing) -> list[str]:
    return [item.name for item in result.items or ()]


def test_pages_are_put_together_in_order(api: FakeApi, client: Client) -> None:
    api.on(PODS, listing(named("a"), named("b"), token="2"), listing(named("c"), token="3"), listing(named("d")))
    assert names(read(client, page_size=2)) == ["a", "b", "c", "d"]
    assert [request.query.get("continue") for request in api.asked(PODS)] == [None, "2", "3"]


def test_pages_of_small_objects_grow_fourfold_at_most(api: FakeApi, client: Client) -> None:
    many = [named(str(number)) for number in range(8)]
    api.on(PODS, listing(*many[:2], token="2"), listing(*many, token="3"), listing(named("z")))
    read(client, page_size=2)
    assert [request.query["limit"] for request in api.asked(PODS)] == ["2", "8", "8"]


def test_pages_of_large_objects_do_not_grow(api: FakeApi, client: Client) -> None:
    large = {"metadata": {"name": "a", "annotations": {"note": "x" * PAGE_BYTES}}}
    api.on(PODS, listing(large, large, token="2"), listing(large))
    read(client, page_size=2)
    assert [request.query["limit"] for request in api.asked(PODS)] == ["2", "2"]


def test_replicas_share_what_they_have_in_common(api: FakeApi, client: Client) -> None:
    def replica(name: str, image: str = "shop:1") -> dict[str, Any]:
        owner = {"kind": "ReplicaSet", "name": "web", "uid": "u1", "controller": True}
        metadata = {"name": name, "labels": {"app": "web"}, "ownerReferences": [owner]}
        mounts = [{"name": f"kube-api-access-{name}", "mountPath": "/t"}]
        env = [{"name": "A", "value": "1"}]
        return {"metadata": metadata, "spec": {"containers": [{"image": image, "env": env, "volumeMounts": mounts}]}}

    api.on(PODS, listing(replica("a"), token="2"), listing(replica("b"), replica("c", "shop:2"), replica("d")))
    first, *others = (item for item in read(client).items or () if isinstance(item, Pod))
    for pod, image in zip(others, ("shop:1", "shop:2", "shop:1"), strict=True):
        assert pod.metadata.labels is first.metadata.labels
        (container,) = pod.spec.containers
        assert container.env is first.spec.containers[0].env
        assert (container.image, container.volume_mounts[0].name) == (image, f"kube-api-access-{pod.name}")


def test_events_of_one_object_share_it(api: FakeApi, client: Client) -> None:
    def event(name: str, about: str) -> dict[str, Any]:
        return named(name, "shop", involvedObject={"kind": "Pod", "name": about}, type="Normal")

    api.on("/api/v1/events", listing(event("a.1", "a"), event("a.2", "a"), event("b.1", "b")))
    first, second, other = (item for item in read(client, "Event").items or () if isinstance(item, Event))
    assert second.involved_object is first.involved_object
    assert (second.name, second.metadata.uid) == ("a.2", "uid-a.2")
    assert other.involved_object.name == "b"
    assert other.metadata.namespace is first.metadata.namespace


def test_a_replica_set_shares_its_deployments_template(api: FakeApi, client: Client) -> None:
    spec = {"template": {"spec": {"containers": [{"image": "shop:1"}]}}}
    other = {"template": {"spec": {"containers": [{"image": "shop:2"}]}}}
    owners = [{"kind": "Deployment", "name": "web", "uid": "uid-web", "controller": True}]
    sets = [named("web-1", spec=spec), named("web-2", spec=other)]
    for item in sets:
        item["metadata"]["ownerReferences"] = owners
    api.on("/apis/apps/v1/deployments", listing(named("web", spec=spec)))
    api.on("/apis/apps/v1/replicasets", listing(*sets))
    shared = SharedParts()
    deployments, replica_sets = (read(client, kind, shared=shared).items for kind in ("Deployment", "ReplicaSet"))
    (web,) = (item.spec.template for item in deployments or () if isinstance(item, Deployment))
    same, old = (item.spec.template for item in replica_sets or () if isinstance(item, ReplicaSet))
    assert same.spec is web.spec
    assert old.spec.containers[0].image == "shop:2"


def test_a_page_is_decoded_while_the_next_one_comes(
    api: FakeApi, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = lists._decode
    asked_meanwhile: list[int] = []

    def slow(request: ListRequest, body: bytes) -> Page:
        until = time.monotonic() + 5
        while len(api.asked(PODS)) <= len(asked_meanwhile) + 1 and time.monotonic() < until and b"last" not in body:
            time.sleep(0.005)
        asked_meanwhile.append(len(api.asked(PODS)))
        return decode(request, body)

    monkeypatch.setattr(lists, "_decode", slow)
    api.on(PODS, listing(named("a"), token="2"), listing(named("b"), token="3"), listing(named("last")))
    assert names(read(client, page_size=1, seconds=30)) == ["a", "b", "last"]
    assert asked_meanwhile == [2, 3, 3]


def test_the_next_page_is_not_waited_for_where_one_is_broken(api: FakeApi, client: Client) -> None:
    broken = Reply(b'{"kind": "PodList", "metadata": {"continue": "2"}, "items": [{')
    api.on(PODS, broken, Reply(is_hanging=True))

    async def alone() -> Listing:
        result = await read_list(client, ListRequest(kind=KINDS["Pod"], versions=("v1",), namespace=None), Deadline(60))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    began = time.monotonic()
    assert "is broken JSON" in str(asyncio.run(alone()).error)
    assert time.monotonic() - began < 30
    assert len(api.asked(PODS)) == 1 or api.left.wait(10)


def test_a_list_that_tells_of_itself_last_is_read_too(api: FakeApi, client: Client) -> None:
    first = Reply({"items": [named("a")], "metadata": {"continue": "2"}})
    api.on(PODS, first, listing(named("b")))
    assert names(read(client, page_size=1)) == ["a", "b"]


def test_no_objects_is_an_answer_too(client: Client) -> None:
    assert read(client) == Listing(items=())


def test_an_expired_list_is_begun_anew(api: FakeApi, client: Client) -> None:
    api.on(PODS, listing(named("a"), token="1"), status(410, EXPIRED), listing(named("a"), named("b")))
    result = read(client)
    assert names(result) == ["a", "b"]
    assert result.error is None
    assert "continue" not in api.asked(PODS)[2].query


def test_a_list_that_expires_again_goes_on_where_the_server_offers(api: FakeApi, client: Client) -> None:
    first, expired = listing(named("a"), token="1"), status(410, EXPIRED, metadata={"continue": "goes-on"})
    api.on(PODS, first, expired, first, expired, listing(named("b")))
    assert names(read(client)) == ["a", "b"]
    assert api.asked(PODS)[-1].query["continue"] == "goes-on"


def test_a_list_that_keeps_expiring_keeps_what_was_read(api: FakeApi, client: Client) -> None:
    first = listing(named("a"), token="1")
    api.on(PODS, first, status(410, EXPIRED), first, status(410, EXPIRED))
    result = read(client)
    assert names(result) == ["a"]
    assert isinstance(result.error, ApiError)


def test_a_server_that_repeats_its_token_is_not_read_for_ever(api: FakeApi, client: Client) -> None:
    api.on(PODS, listing(named("a"), token="same"))
    assert isinstance(read(client).error, ApiError)
    assert len(api.asked(PODS)) == 2


def test_a_page_that_fails_keeps_those_before(api: FakeApi, client: Client) -> None:
    api.on(PODS, listing(named("a"), token="1"), status(403, 'User "dev" cannot list'))
    result = read(client)
    assert names(result) == ["a"]
    assert isinstance(result.error, ForbiddenError)


def test_a_version_without_the_resource_leads_to_the_next(api: FakeApi, client: Client) -> None:
    api.on("/apis/batch/v1/cronjobs", status(404, "the server could not find the requested resource"))
    api.on("/apis/batch/v1beta1/cronjobs", listing(named("tick")))
    assert names(read(client, "CronJob", "v1", "v1beta1")) == ["tick"]


def test_a_resource_under_no_version_is_not_served(client: Client) -> None:
    assert read(client, "GatewayClass", "v1", "v1beta1") == Listing(items=None, is_served=False)


def test_forbidden_says_what_to_ask_for(api: FakeApi, client: Client) -> None:
    api.on(PODS, status(403, 'pods is forbidden: User "dev" cannot list'))
    assert str(read(client).error) == (
        "cannot read pods in all namespaces: 403 Forbidden for user dev; ask for list on pods, or pass a namespace"
    )


def test_a_hanging_list_ends_at_the_deadline(api: FakeApi, client: Client) -> None:
    api.on(PODS, Reply(is_hanging=True))
    assert isinstance(read(client, seconds=0.3).error, UnreachableError)


def test_null_lists_and_odd_objects_cost_only_themselves(api: FakeApi, client: Client) -> None:
    api.on(
        PODS,
        listing(
            named("nulls", "shop", spec={"containers": None}, status=None),
            named("broken", "shop", spec={"containers": "none"}),
            named("fine", "shop", spec={"containers": [{"name": "app", "ports": None}]}),
        ),
    )
    result = read(client)
    assert names(result) == ["nulls", "fine"]
    assert [(gap.what, gap.kind, gap.namespace) for gap in result.gaps] == [("Pod shop/broken", "Pod", "shop")]
    assert "not readable" in result.gaps[0].why


def test_a_list_of_null_is_empty(api: FakeApi, client: Client) -> None:
    api.on(PODS, Reply({"metadata": {}, "items": None}))
    assert read(client).items == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>", "is not the JSON of a Kubernetes API server"),
        (b"\xff\xfe", "is not the JSON of a Kubernetes API server"),
        (b'{"items": [', "is broken JSON"),
    ],
)
def test_what_is_no_list_is_told(api: FakeApi, client: Client, body: bytes, told: str) -> None:
    api.on(PODS, Reply(body))
    assert told in str(read(client).error)


def test_large_kinds_come_in_smaller_pages_and_selectors_are_sent(api: FakeApi, client: Client) -> None:
    read(client, "Secret", field_selector="type=kubernetes.io/tls")
    assert api.seen[0].query == {"limit": "50", "fieldSelector": "type=kubernetes.io/tls"}


def test_an_event_with_nulls_is_read(api: FakeApi, client: Client) -> None:
    def events(_: Seen) -> Reply:
        odd = {"firstTimestamp": None, "lastTimestamp": None, "count": None, "source": None, "series": None}
        return listing(
            named("e", "shop", eventTime="2026-01-01T00:00:00.123456Z", involvedObject={"kind": "Pod"}, **odd)
        )

    api.on("/api/v1/events", events)
    result = read(client, "Event")
    assert names(result) == ["e"]
    assert result.gaps == ()
