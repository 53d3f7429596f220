"""A real shell with the extension loaded, and snapshots to ask."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import kubeagentix as kx
from kubeagentix.cluster import archive
from kubeagentix.testing import snapshot_of

BROKEN = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d1, creationTimestamp: '2026-01-15T10:00:00Z', generation: 1}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'registry.example/web:1.2'}]}}
status: {observedGeneration: 1, replicas: 1, unavailableReplicas: 1}
"""


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """The path of a snapshot with a critical finding."""
    path = str(tmp_path / "broken.snapshot")
    archive.save(snapshot_of(BROKEN), path)
    return path


@pytest.fixture
def shell() -> Iterator[Any]:
    """An IPython shell after `%load_ext kubeagentix`."""
    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "kubeagentix")
    yield made
    made.run_line_magic("unload_ext", "kubeagentix")
    if isinstance(running := kx.current(), kx.Demo):
        running.close()
    kx.use(None)
    InteractiveShell.clear_instance()
    atexit.unregister(made.atexit_operations)  # each would clear its names and collect garbage at the very end
