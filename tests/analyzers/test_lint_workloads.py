"""Advice on workloads: each rule, and the choices that are fine."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.lint_workloads import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of

CLAIM = "kind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce]}"
VOLUME = "template: {spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}}"


def deployment(spec: str, replicas: int = 2) -> str:
    return f"kind: Deployment\nmetadata: {{name: web}}\nspec: {{replicas: {replicas}, {spec}}}"


def reasons(*manifests: str) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason for item in findings]


@pytest.mark.parametrize(
    ("most", "replicas", "expected"),
    [("100%", 2, True), ("2", 2, True), ("1", 2, False), ("50%", 2, False), ("100%", 1, False), ("100%", 0, False)],
)
def test_a_rollout_that_may_take_all_pods_away(most: str, replicas: int, expected: bool) -> None:
    manifest = deployment(f"strategy: {{rollingUpdate: {{maxUnavailable: {most}}}}}", replicas)
    assert reasons(manifest) == (["Lint/MaxUnavailableAll"] if expected else [])


@pytest.mark.parametrize(
    ("replicas", "strategy", "mode", "expected"),
    [
        (2, "RollingUpdate", "ReadWriteOnce", True),
        (2, "Recreate", "ReadWriteOnce", True),
        (1, "RollingUpdate", "ReadWriteOnce", True),
        (1, "Recreate", "ReadWriteOnce", False),
        (2, "RollingUpdate", "ReadWriteMany", False),
    ],
)
def test_a_claim_for_one_node_under_several_pods(replicas: int, strategy: str, mode: str, expected: bool) -> None:
    manifest = deployment(f"strategy: {{type: {strategy}}}, {VOLUME}", replicas)
    found = reasons(manifest, CLAIM.replace("ReadWriteOnce", mode))
    assert found == (["Lint/SharedVolume"] if expected else [])


@pytest.mark.parametrize(("spec", "expected"), [("5", True), ("10", False), ("5, suspend: true", False)])
def test_a_starting_deadline_that_passes_unseen(spec: str, expected: bool) -> None:
    manifest = f"kind: CronJob\nmetadata: {{name: tick}}\nspec: {{startingDeadlineSeconds: {spec}}}"
    assert reasons(manifest) == (["Lint/ShortStartingDeadline"] if expected else [])
