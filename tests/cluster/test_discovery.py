from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.discovery import Served, discover, list_path
from kubeagentix.cluster.kubeconfig import resolve
from kubeagentix.domain.resources import KINDS
from kubeagentix.errors import ApiError, UnauthorizedError
from tests.cluster.conftest import FakeApi, Reply, status


@pytest.fixture
def client(api: FakeApi, tmp_path: Path) -> Iterator[Client]:
    """A client of the scripted server."""
    made = Client(resolve(kubeconfig=api.kubeconfig(tmp_path)))
    yield made
    made.close()


def found(client: Client) -> Served:
    return asyncio.run(discover(client, Deadline(10)))


def test_the_best_version_that_is_served_comes_first() -> None:
    served = Served(server_version="", groups={"batch": frozenset({"v1", "v1beta1"}), "policy": frozenset({"v1beta1"})})
    assert served.versions(KINDS["CronJob"]) == ("v1", "v1beta1")
    assert served.versions(KINDS["PodDisruptionBudget"]) == ("v1beta1",)
    assert served.versions(KINDS["Deployment"]) == ()
    assert served.versions(KINDS["Pod"]) == ("v1",)


def test_where_groups_are_not_told_every_version_is_tried() -> None:
    assert Served(server_version="", groups=None).versions(KINDS["CronJob"]) == ("v1", "v1beta1")


def test_version_and_groups_are_read(api: FakeApi, client: Client) -> None:
    api.groups = {"apps": ("v1",), "autoscaling": ("v1", "v2beta2")}
    served = found(client)
    assert served.server_version == "v1.34.1"
    assert served.groups == {"apps": frozenset({"v1"}), "autoscaling": frozenset({"v1", "v2beta2"})}


def test_a_server_that_forbids_discovery_is_still_read(api: FakeApi, client: Client) -> None:
    api.on("/version", status(403, "forbidden"))
    api.on("/apis", status(403, "forbidden"))
    assert found(client) == Served(server_version="", groups=None)


def test_odd_discovery_documents_do_no_harm(api: FakeApi, client: Client) -> None:
    api.on("/version", Reply({"gitVersion": None}))
    api.on("/apis", Reply({"groups": [{"name": "apps", "versions": None}, "odd", {}]}))
    served = found(client)
    assert served.server_version == ""
    assert served.versions(KINDS["Deployment"]) == ()


def test_401_is_raised(api: FakeApi, client: Client) -> None:
    api.on("/apis", status(401, "Unauthorized"))
    with pytest.raises(UnauthorizedError):
        found(client)


@pytest.mark.parametrize("document", [{}, {"groups": None}, {"groups": 5}, [], {"error": "sign in"}])
def test_what_lists_no_groups_does_not_say_that_there_are_none(api: FakeApi, client: Client, document: object) -> None:
    api.on("/apis", Reply(document))
    assert found(client).groups is None


def test_a_group_whose_versions_are_no_list_has_none(api: FakeApi, client: Client) -> None:
    api.on("/apis", Reply({"groups": [{"name": "apps", "versions": 5}]}))
    assert found(client).groups == {"apps": frozenset()}


@pytest.mark.parametrize("reply", [Reply(b"404 page not found", 404), Reply(b"<html>Welcome</html>")])
def test_a_web_server_is_no_api_server(api: FakeApi, client: Client, reply: Reply) -> None:
    api.on("/version", reply)
    api.on("/apis", reply)
    with pytest.raises(ApiError):
        found(client)


def test_paths_are_those_of_the_api() -> None:
    assert list_path(KINDS["Pod"], "v1", None) == "/api/v1/pods"
    assert list_path(KINDS["Pod"], "v1", "shop") == "/api/v1/namespaces/shop/pods"
    assert list_path(KINDS["Node"], "v1", "shop") == "/api/v1/nodes"
    assert list_path(KINDS["CronJob"], "v1beta1", "shop") == "/apis/batch/v1beta1/namespaces/shop/cronjobs"
    assert list_path(KINDS["PodMetrics"], "v1beta1", None) == "/apis/metrics.k8s.io/v1beta1/pods"
