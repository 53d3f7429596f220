"""Protobuf bodies; that kubectl's own are understood is tested where kubectl is run."""

from __future__ import annotations

import pytest

from kubeagentix.demo.api_errors import StatusError
from kubeagentix.demo.protobuf import decode


def _field(number: int, data: bytes | int) -> bytes:
    if isinstance(data, int):
        return bytes([number << 3, data])
    return bytes([number << 3 | 2, len(data)]) + data


def _body(kind: str, *fields: bytes) -> bytes:
    type_meta = _field(1, b"v1") + _field(2, kind.encode())
    return b"k8s\x00" + _field(1, type_meta) + _field(2, b"".join(fields))


def test_maps_lists_and_empty_values() -> None:
    entry = _field(2, _field(1, b"mode") + _field(2, b"prod"))
    metadata = _field(1, _field(1, b"settings") + _field(2, b"") + _field(14, b"hold"))
    assert decode(_body("ConfigMap", metadata, entry)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "finalizers": ["hold"]},
        "data": {"mode": "prod"},
    }


def test_a_field_that_is_not_known_is_refused_not_dropped() -> None:
    with pytest.raises(StatusError) as caught:
        decode(_body("ConfigMap", _field(9, b"new")))
    assert caught.value.code == 415
    assert "field 9 of ConfigMap" in caught.value.message


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(StatusError) as caught:
        decode(_body("Gizmo", _field(1, b"")))
    assert caught.value.code == 415


@pytest.mark.parametrize("body", [b"", b"{}", b"k8s\x00\x0a\x7f", b"k8s\x00\x0a", _body("ConfigMap", b"\x0a\x05ab")])
def test_damaged_bodies_are_bad_requests(body: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        decode(body)
    assert caught.value.code == 400
