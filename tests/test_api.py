"""The blocking calls: what they take, and what they say to what they cannot take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.errors import NotFoundError, UsageError
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


def test_the_root_of_an_answer_is_a_target() -> None:
    snapshot = snapshot_of(BROKEN)
    first = kx.diagnose(cluster=snapshot).hypotheses[0]
    again = kx.diagnose(first.root, cluster=snapshot)
    assert str(again.target) == "Deployment/web in namespace shop"
    assert again.hypotheses[0].id == first.id


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"cluster": "prod"}, r"cluster= takes a Cluster, Demo or Snapshot, not str; connect\(context=…\)"),
        ({"target": 7}, "a target is a text such as deploy/web, not int"),
        ({"namespace": ""}, "the namespace is empty"),
        ({"namespace": "shop", "all_namespaces": True}, "exclude each other"),
        ({"ignore": ["X"], "include_ignored": True}, "ignore and include_ignored exclude each other"),
        ({"ignore": ["X", {"reson": "Y"}]}, r"unknown key 'reson' in ignore\[1\]; did you mean reason"),
        ({"ignore": 5}, "ignore= takes rules, not int"),
    ],
)
def test_what_cannot_be_meant_is_said(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kx.diagnose(**{"cluster": snapshot_of(BROKEN), **words})


def test_a_namespace_that_a_snapshot_does_not_hold_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="the snapshot does not hold namespace 'shpo'; did you mean shop"):
        kx.diagnose(namespace="shpo", cluster=snapshot_of(BROKEN))


def test_a_namespace_without_objects_is_held_if_it_exists() -> None:
    empty = {"kind": "Namespace", "metadata": {"name": "empty"}}
    assert kx.diagnose(namespace="empty", cluster=snapshot_of(empty)).is_healthy


@pytest.mark.parametrize(
    "rule",
    ["namespace=shop", ["reason=*"], [{"object": "deploy/shop/web", "until": "2099-12-31"}], ({"namespace": "shop"},)],
)
def test_known_findings_are_ignored(rule: Any) -> None:
    found = kx.diagnose(cluster=snapshot_of(BROKEN), ignore=rule)
    assert found.is_healthy
    assert len(found.ignored[0].all) > 0


def test_rules_of_the_config_file_hold_everywhere_but_where_all_is_asked_for(tmp_path: Path, monkeypatch: Any) -> None:
    config = tmp_path / "kx.toml"
    config.write_text("[[ignore]]\nnamespace = 'shop'")
    monkeypatch.setenv("KUBEAGENTIX_CONFIG", str(config))
    assert kx.diagnose(cluster=snapshot_of(BROKEN)).is_healthy
    whole = kx.diagnose(cluster=snapshot_of(BROKEN), include_ignored=True)
    assert whole.hypotheses
    assert whole.ignored == ()
