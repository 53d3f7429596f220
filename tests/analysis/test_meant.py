from __future__ import annotations

from typing import Any

from kubeagentix.analysis.meant import about_key, about_object, holder_of_key, object_meant
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.storage import ConfigMap, Secret
from kubeagentix.testing import snapshot_of


def config(name: str, *keys: str, namespace: str = "shop") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"kind": "ConfigMap", "metadata": metadata, "data": dict.fromkeys(keys, "x")}


def about(*manifests: dict[str, Any], name: str = "redis-hsot", keys: tuple[str, ...] = ()) -> str:
    return about_object(snapshot_of(*manifests), ConfigMap, "shop", name, keys)


def test_the_nearest_name_is_offered_with_the_nearest_of_the_keys_that_it_lacks() -> None:
    assert about(config("redis-host", "host"), keys=("host",)) == "There is ConfigMap redis-host: was that meant?"
    assert about(config("redis-host", "host"), keys=("hosst",)) == (
        "There is ConfigMap redis-host: was that meant? Its keys: host. Was host meant?"
    )


def test_an_object_of_that_name_in_another_namespace_is_told() -> None:
    assert about(config("redis-hsot", namespace="data")) == (
        "Namespace data has one of that name, but a pod gets only what is in its own."
    )
    assert about(config("unlike", namespace="data")) == about(config("unlike")) == ""


def test_a_secret_of_the_name_of_a_missing_config_map_is_told_and_the_reverse() -> None:
    snapshot = snapshot_of(
        {"kind": "Secret", "metadata": {"name": "db-config", "namespace": "shop"}}, config("db-confg"), config("auth")
    )
    said = "There is a {} of that very name: was that meant?"
    assert about_object(snapshot, ConfigMap, "shop", "db-config") == said.format("Secret")
    assert about_object(snapshot, Secret, "shop", "auth") == said.format("ConfigMap")
    assert about_object(snapshot, Secret, "data", "auth") == ""


def test_where_not_all_were_read_none_is_held_to_be_meant() -> None:
    gap = Gap(what="", why="403", kind="ConfigMap", namespace="shop")
    assert object_meant(snapshot_of(config("redis-host"), gaps=[gap]), ConfigMap, "shop", "redis-hsot") == ""


def test_keys_are_listed_and_the_nearest_is_offered() -> None:
    found = ConfigMap(keys=("host", "port"))
    assert about_key(found, "hots") == "Its keys: host, port. Was host meant?"
    assert about_key(found, "password") == "Its keys: host, port."
    assert about_key(found, "host") == ""
    assert about_key(ConfigMap(), "host") == "Its keys: none."


def test_a_key_that_one_other_object_has() -> None:
    snapshot = snapshot_of(config("a", "x"), config("b", "password"))
    first = snapshot.get(ConfigMap, "shop", "a")
    assert first is not None
    assert holder_of_key(snapshot, first, "password") == "b"
    assert holder_of_key(snapshot, first, "absent") == ""
