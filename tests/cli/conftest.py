"""A snapshot of a broken workload on disk, whose texts try to steer a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeagentix.cluster import archive
from kubeagentix.testing import snapshot_of

BROKEN = r"""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d1, creationTimestamp: '2026-01-15T10:00:00Z', generation: 1}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'registry.example/web:1.2'}]}}
status: {observedGeneration: 1, replicas: 1, unavailableReplicas: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, uid: p1, labels: {app: web}, creationTimestamp: '2026-01-15T10:00:00Z'}
spec: {nodeName: n1, containers: [{name: app, image: 'registry.example/web:1.2'}]}
status:
  phase: Pending
  conditions: [{type: Ready, status: 'False', reason: ContainersNotReady}]
  containerStatuses:
  - name: app
    ready: false
    restartCount: 0
    image: registry.example/web:1.2
    state: {waiting: {reason: ImagePullBackOff, message: "Back-off \e[31m[bold]pulling\e]0;title\a \x9b2J"}}
"""


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """The path of a snapshot with a critical finding."""
    path = str(tmp_path / "broken.snapshot")
    archive.save(snapshot_of(BROKEN), path)
    return path


@pytest.fixture
def fine(tmp_path: Path) -> str:
    """The path of a snapshot with nothing wrong."""
    path = str(tmp_path / "fine.snapshot")
    archive.save(snapshot_of({"kind": "ConfigMap", "metadata": {"name": "settings"}}), path)
    return path
