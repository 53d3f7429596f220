from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster.connection import connect
from kubeagentix.domain.parts import Part
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import ApiError
from tests.cluster.conftest import FakeApi, listing, named, status

FAILED = {"terminated": {"exitCode": 1}}
CRASHING = {
    "spec": {"containers": [{"name": "app"}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "app", "restartCount": 2, "state": FAILED, "lastState": FAILED}],
    },
}


def read(api: FakeApi, folder: Path, *steps: tuple[Part, ...], with_logs: bool = False) -> Snapshot:
    async def reading() -> Snapshot:
        with connect(kubeconfig=api.kubeconfig(folder)) as cluster:
            reader = cluster.part_reader("shop")
            picture = await reader.begin(steps[0])
            for parts in steps[1:]:
                picture = await reader.read(picture, parts)
            return await reader.read_logs(picture, picture.all(Pod)) if with_logs else picture

    return asyncio.run(reading())


def asked(api: FakeApi) -> list[tuple[str, Any]]:
    return [(seen.path, seen.query.get("fieldSelector") or seen.query.get("labelSelector")) for seen in api.seen]


def test_names_and_labels_are_chosen_by_the_server(api: FakeApi, tmp_path: Path) -> None:
    one = Part("Deployment", "shop", "web")
    read(api, tmp_path, (one,), (Part("Pod", "shop", labels=frozenset({"tier=a", "app=web"})), Part("Node", "", "n1")))
    assert sorted(asked(api)) == [
        ("/api/v1/namespaces/shop/pods", "app=web,tier=a"),
        ("/api/v1/nodes", "metadata.name=n1"),
        ("/apis/apps/v1/namespaces/shop/deployments", "metadata.name=web"),
    ]


def test_a_step_adds_to_the_picture_and_to_what_is_known(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/configmaps", listing(named("settings", "shop")))
    parts = [Part("ConfigMap", "shop", "settings"), Part("Secret", "shop", "gone")]
    picture = read(api, tmp_path, (parts[0],), (parts[1],))
    assert [item.name for item in picture.objects["ConfigMap"]] == ["settings"]
    assert picture.parts == frozenset(parts)
    assert picture.lacks(picture.named("Secret", "shop", "gone"))


def test_403_becomes_a_gap_as_in_a_reading_of_everything(api: FakeApi, tmp_path: Path) -> None:
    said = 'secrets is forbidden: User "dev" cannot list resource "secrets" in API group ""'
    api.on("/api/v1/namespaces/shop/secrets", status(403, said))
    picture = read(api, tmp_path, (Part("Secret", "shop", "key"),))
    with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
        whole = asyncio.run(cluster.read_snapshot("shop"))
    assert picture.gaps
    assert set(picture.gaps) <= set(whole.gaps)
    assert not picture.lacks(picture.named("Secret", "shop", "key"))


def test_other_errors_are_raised(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/secrets", status(400, "no"))
    with pytest.raises(ApiError):
        read(api, tmp_path, (Part("Secret", "shop", "key"),))


def test_logs_of_what_is_in_trouble_are_read_once(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/pods", listing(named("web-0", "shop", **CRASHING)))

    async def reading() -> Snapshot:
        with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
            reader = cluster.part_reader("shop")
            picture = await reader.begin((Part("Pod", "shop", "web-0"),))
            assert reader.logs_wanted(picture, picture.all(Pod)) == 2
            picture = await reader.read_logs(picture, picture.all(Pod))
            assert reader.logs_wanted(picture, picture.all(Pod)) == 0
            return await reader.read_logs(picture, picture.all(Pod))

    asyncio.run(reading())
    assert len([seen for seen in api.seen if seen.path.endswith("/log")]) == 2
