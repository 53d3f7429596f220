from __future__ import annotations

import base64
import gc
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from kubeagentix.cluster import projections
from kubeagentix.cluster.projections import decode_page, gc_paused, project
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.storage import ConfigMap, Secret
from tests.cluster.conftest import Issued


def page(kind: str, *items: dict[str, Any]) -> Any:
    return decode_page(KINDS[kind], json.dumps({"metadata": {}, "items": items}).encode())


def test_a_config_map_keeps_names_and_size_however_it_is_read() -> None:
    manifest = {"metadata": {"name": "c"}, "data": {"a": "12345"}, "binaryData": {"b": "AAAA"}}
    fast = page("ConfigMap", manifest).items[0]
    assert isinstance(fast, ConfigMap)
    assert (fast.keys, fast.size_bytes) == (("a", "b"), 13)
    assert project(KINDS["ConfigMap"], manifest) == fast


def test_an_odd_config_map_is_repaired() -> None:
    read = page("ConfigMap", {"metadata": {"name": "c", "labels": None}, "data": {"a": "x"}, "immutable": None})
    assert read.gaps == ()
    assert read.items[0].keys == ("a",)


def test_a_null_secret_value_is_no_key() -> None:
    (secret,) = page("Secret", {"metadata": {"name": "s"}, "data": {"gone": None, "empty": "", "set": "eA=="}}).items
    assert isinstance(secret, Secret)
    assert (secret.keys, secret.empty_keys) == (("empty", "set"), ("empty",))


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        ("Pod", {"spec": {"containers": [{"name": "app", "ports": [{"containerPort": "80"}]}]}}),
        ("Pod", {"status": {"containerStatuses": None, "conditions": None}}),
        ("Event", {"involvedObject": None, "count": None, "lastTimestamp": None}),
        ("EndpointSlice", {"endpoints": None, "ports": None}),
        ("Deployment", {"spec": {"replicas": None}}),
    ],
)
def test_nulls_and_numbers_in_strings_are_repaired(kind: str, odd: dict[str, Any]) -> None:
    read = page(kind, {"metadata": {"name": "odd"}, **odd}, {"metadata": {"name": "fine"}})
    assert [item.name for item in read.items] == ["odd", "fine"]
    assert read.gaps == ()


def test_what_cannot_be_repaired_is_named_and_the_others_are_kept() -> None:
    read = page("Pod", {"metadata": {"name": "bad", "namespace": "shop"}, "spec": 7}, {"metadata": {"name": "fine"}})
    assert [item.name for item in read.items] == ["fine"]
    (gap,) = read.gaps
    assert (gap.what, gap.kind, gap.namespace) == ("Pod shop/bad", Pod.kind, "shop")


@pytest.mark.parametrize("metadata", [None, {"continue": None}, {"resourceVersion": 7, "remainingItemCount": None}])
def test_odd_list_metadata_costs_nothing(metadata: Any) -> None:
    body = json.dumps({"metadata": metadata, "items": [{"metadata": {"name": "fine"}}]}).encode()
    read = decode_page(KINDS["Pod"], body)
    assert [item.name for item in read.items] == ["fine"]
    assert read.metadata.continue_ == ""


@pytest.mark.parametrize("body", [b"{}", b'{"kind":"Status","metadata":{},"status":"Failure"}', b'{"error":"sign in"}'])
def test_what_has_no_items_is_no_empty_list(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_page(KINDS["Pod"], body)


def test_bytes_that_are_no_text_are_replaced() -> None:
    body = json.dumps({"metadata": {}, "items": [{"metadata": {"name": "a"}, "message": "said ?"}]}).encode()
    (event,) = decode_page(KINDS["Event"], body.replace(b"?", b"\xff\xfe")).items
    assert isinstance(event, Event)
    assert event.message == "said \ufffd\ufffd"


def test_a_list_nested_beyond_all_reason_is_refused() -> None:
    nested = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
        decode_page(KINDS["Pod"], b'{"metadata":{},"items":[{"metadata":{"name":"a"},"odd":' + nested + b"}]}")


@pytest.mark.parametrize("config", [b"{}", b"[]", b'{"auths":5}', b'{"auths":[{}]}', b"[" * 100_000, b"\xff"])
def test_a_pull_secret_with_anything_in_it_costs_no_other(config: bytes) -> None:
    data = {".dockerconfigjson": base64.b64encode(config).decode()}
    odd = {"metadata": {"name": "odd"}, "type": "kubernetes.io/dockerconfigjson", "data": data}
    read = page("Secret", odd, {"metadata": {"name": "fine"}})
    assert [getattr(item, "problem", "") for item in read.items] == [".dockerconfigjson is not readable", ""]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"auth": base64.b64encode(b"user:pw").decode()}, ""),
        ({"username": "user", "password": "pw"}, ""),
        ({"identitytoken": "t"}, ""),
        ({"auth": "not base64"}, "its entry for r.example.com holds no user and password"),
        ({"auth": base64.b64encode(b"user").decode()}, "its entry for r.example.com holds no user and password"),
        ({}, "its entry for r.example.com holds no user and password"),
    ],
)
@pytest.mark.parametrize("is_old", [True, False])
def test_an_entry_of_a_pull_secret_must_hold_credentials(entry: dict[str, str], problem: str, is_old: bool) -> None:
    key = "dockercfg" if is_old else "dockerconfigjson"
    config = {"r.example.com": entry} if is_old else {"auths": {"r.example.com": entry}}
    data = {f".{key}": base64.b64encode(json.dumps(config).encode()).decode()}
    (secret,) = page("Secret", {"metadata": {"name": "s"}, "type": f"kubernetes.io/{key}", "data": data}).items
    assert isinstance(secret, Secret)
    assert (secret.registries, secret.problem) == (("r.example.com",), problem)


def test_whether_a_key_is_that_of_its_certificate_is_all_that_is_kept_of_it(issue: Callable[..., Issued]) -> None:
    one, other = issue(), issue()

    def read(key: str) -> Secret:
        data = {"tls.crt": base64.b64encode(one.certificate.encode()).decode()}
        data["tls.key"] = base64.b64encode(key.encode()).decode()
        (secret,) = page("Secret", {"metadata": {"name": "s"}, "type": "kubernetes.io/tls", "data": data}).items
        assert isinstance(secret, Secret)
        return secret

    assert [read(key).key_fits for key in (one.key, other.key, "no key")] == [True, False, None]
    assert one.key.splitlines()[1] not in repr(read(one.key))


def test_a_certificate_of_an_impossible_version_is_a_problem(issue: Callable[..., Issued]) -> None:
    lines = issue().certificate.strip().splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    odd = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x3e", 1)  # version 62
    assert odd != der
    pem = f"{lines[0]}\n{base64.encodebytes(odd).decode()}{lines[-1]}\n"
    data = {"tls.crt": base64.b64encode(pem.encode()).decode()}
    (secret,) = page("Secret", {"metadata": {"name": "s"}, "type": "kubernetes.io/tls", "data": data}).items
    assert isinstance(secret, Secret)
    assert secret.problem == "tls.crt is no PEM certificate"


def test_a_time_without_its_zone_is_not_taken_for_one() -> None:
    read = page("Pod", {"metadata": {"name": "odd", "creationTimestamp": "2026-01-01T00:00:00"}})
    assert (len(read.items), len(read.gaps)) == (0, 1)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z", "2026-01-01T05:30:00+05:30"])
def test_times_of_all_forms_can_be_compared(moment: str) -> None:
    (pod,) = page("Pod", {"metadata": {"name": "p", "creationTimestamp": moment}}).items
    assert pod.metadata.creation_timestamp is not None
    assert pod.metadata.creation_timestamp < datetime.now(UTC)


def test_types_are_read_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # msgspec shows other threads a type that it is still reading: a crash of the whole process, now and then.
    building, together = threading.Semaphore(1), []
    make = msgspec.json.Decoder

    def slow(*words: Any, **options: Any) -> Any:
        together.append(not building.acquire(blocking=False))
        time.sleep(0.01)
        building.release()
        return make(*words, **options)

    monkeypatch.setattr(msgspec.json, "Decoder", slow)
    projections._decoder.cache_clear()
    body = b'{"metadata":{},"items":[{"metadata":null},{"metadata":{"name":"fine"}}]}'  # read both ways
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda kind: decode_page(kind, body), KINDS.values()))
    assert len(together) > len(KINDS)
    assert not any(together)


def test_the_collector_stays_off_until_the_last_block_that_wants_it_so_has_ended() -> None:
    assert gc.isenabled()
    first, second = gc_paused(), gc_paused()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_what_was_built_while_the_collector_was_off_is_not_looked_through_at_once() -> None:
    assert gc.isenabled()
    with gc_paused():
        built = [[number] for number in range(1000)]
    old = {id(item) for item in gc.get_objects(generation=2)}
    assert all(id(item) in old for item in built)
    assert gc.isenabled()
