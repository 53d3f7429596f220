"""A real cluster is read whole, and a saved snapshot of it is the same when it is loaded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kubeagentix.cluster import archive
from kubeagentix.cluster.connection import connect
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.resources import KINDS
from tests.cluster.real.lab import KUBECONFIG

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster"),
]


def test_it_is_read_without_a_gap(tmp_path: Path) -> None:
    with connect(kubeconfig=KUBECONFIG) as cluster:
        snapshot = asyncio.run(cluster.read_snapshot())
    assert {name for name, kind in KINDS.items() if not kind.is_optional} <= set(snapshot.objects)
    assert snapshot.all(Node)
    assert all(gap.why for gap in snapshot.gaps)
    assert not any(gap.kind for gap in snapshot.gaps)
    archive.save(snapshot, tmp_path / "s.json.gz")
    assert archive.load(tmp_path / "s.json.gz") == snapshot
