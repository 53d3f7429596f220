"""Changes on a real Kubernetes: its dry runs, its RBAC, its conflicts; made with an approval, and not without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster import connection
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.events import TextDelta
from kubeagentix.roles import Wish
from tests.cluster.real.lab import KUBECONFIG, kubectl, wait_until
from tests.cluster.real.test_real_roles import Account
from tests.engine.changing import Person, Told, ask, run_over

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster"),
]

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {name: app, image: "busybox:1.35", imagePullPolicy: IfNotPresent, command: [sh, -c, sleep 86400]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: sentinel-of-a-secret}
"""
CONFIG = "{apiVersion: v1, kind: ConfigMap, metadata: {name: limits}, data: {most: '5'}}"
ENV = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "MODE", "value": "new"}]}]}}}}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """A namespace of its own with a workload, and an account in it without any rights."""
    made = Account(tmp_path)
    kubectl("create", "namespace", made.name)
    try:
        kubectl("create", "serviceaccount", "reader", "-n", made.name)
        kubectl("apply", "-n", made.name, "-f", "-", text=WORKLOAD)
        yield made
    finally:
        made.take()
        kubectl("delete", "namespace", "--wait=false", made.name)


class Cluster:
    """Runs as the administrator, in the account's namespace."""

    def __init__(self, account: Account, home: Path, kubeconfig: str = KUBECONFIG) -> None:
        self.namespace, self.home, self.kubeconfig = account.name, home, kubeconfig

    def call(self, person: Any, tool: str, **arguments: Any) -> Told:
        with connection.connect(kubeconfig=self.kubeconfig) as cluster:
            turns = ([ask(tool, **arguments)], [TextDelta(text="ok")])
            return run_over(cluster, self.namespace, self.home, *turns, approve=person)

    def get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(kubectl("get", "-n", self.namespace, name, "-o", "json"))
        return found

    @property
    def decisions(self) -> list[str]:
        lines = (self.home / ".local/state/kubeagentix/audit.jsonl").read_text().splitlines()
        return [json.loads(line)["decision"] for line in lines]


def test_a_workload_is_scaled_patched_restarted_and_taken_back_as_approved(account: Account, tmp_path: Path) -> None:
    person, real = Person(), Cluster(account, tmp_path)
    told = real.call(person.approver, "scale_workload", name="deploy/web", replicas=2)
    assert not told.results[0].is_error, told.results
    assert real.get("deploy/web")["spec"]["replicas"] == 2
    assert person.asked[0].fields == ("spec.replicas",)
    real.call(person.approver, "patch_resource", name="deploy/web", patch=json.dumps(ENV))
    assert "spec.template.spec.containers[app].env[MODE].value" in person.asked[1].fields
    assert real.get("deploy/web")["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "MODE", "value": "new"}
    ]
    wait_until(
        lambda: real.get("deploy/web")["metadata"]["annotations"].get("deployment.kubernetes.io/revision") == "2",
        within_s=60,
        what="the patch is revision 2",
    )
    real.call(person.approver, "undo_rollout", name="deploy/web")
    assert "env" not in real.get("deploy/web")["spec"]["template"]["spec"]["containers"][0]
    real.call(person.approver, "restart_rollout", name="deploy/web")
    template = real.get("deploy/web")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert len(person.asked) == 4
    shown = kubectl("get", "deploy/web", "-n", real.namespace, "-o", "yaml", "--show-managed-fields")
    assert "manager: kubeagentix" in shown
    assert real.decisions == ["asked", "approved_once", "performed"] * 4


def test_a_manifest_is_applied_and_a_conflict_names_who_owns_what(account: Account, tmp_path: Path) -> None:
    person, real = Person(), Cluster(account, tmp_path)
    told = real.call(person.approver, "apply_manifest", manifest=CONFIG)
    assert not told.results[0].is_error, told.results
    assert person.asked[0].summary == f"create ConfigMap {real.namespace}/limits"
    kubectl("patch", "cm/limits", "-n", real.namespace, "--type=merge", "-p", '{"data":{"most":"7"}}')
    refused = real.call(person.approver, "apply_manifest", manifest=CONFIG)
    assert "409" in refused.results[0].content
    assert "kubectl-patch" in refused.results[0].content
    assert len(person.asked) == 1
    real.call(person.approver, "apply_manifest", manifest=CONFIG, force=True)
    assert real.get("cm/limits")["data"] == {"most": "5"}
    real.call(person.approver, "delete_resource", name="cm/limits")
    assert "cm/limits" not in kubectl("get", "cm", "-n", real.namespace, "-o", "name").replace("configmap/", "cm/")


def test_kubectl_says_what_it_would_do_and_that_is_done(account: Account, tmp_path: Path) -> None:
    person, real = Person(), Cluster(account, tmp_path)
    for command in (
        "kubectl set env deploy/web MODE=slow",
        "kubectl label deploy web team=shop",
        "kubectl expose deploy/web --port=80",
        "kubectl create configmap limits --from-literal=most=5",
    ):
        told = real.call(person.approver, "kubectl_change", command=command)
        assert not told.results[0].is_error, told.results
    deployment = real.get("deploy/web")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "MODE", "value": "slow"}]
    assert deployment["metadata"]["labels"]["team"] == "shop"
    assert real.get("svc/web")["spec"]["ports"][0]["port"] == 80
    assert real.get("cm/limits")["data"] == {"most": "5"}
    assert len(person.asked) == 4


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("scale_workload", {"name": "deploy/web", "replicas": 3}),
        ("restart_rollout", {"name": "deploy/web"}),
        ("delete_resource", {"name": "deploy/web"}),
        ("patch_resource", {"name": "deploy/web", "patch": json.dumps(ENV)}),
        ("apply_manifest", {"manifest": CONFIG}),
        ("delete_resource", {"name": "secret/keys"}),
    ],
)
def test_without_an_approval_nothing_is_another(
    account: Account, tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    real = Cluster(account, tmp_path)
    kinds = "deploy,rs,cm,secret"
    before = kubectl("get", kinds, "-n", real.namespace, "-o", "jsonpath={.items[*].metadata.uid}")
    spec = real.get("deploy/web")["spec"]
    for person in (Person(("refused",)).approver, None):
        told = real.call(person, tool, **arguments)
        assert told.results[0].is_error
        assert "sentinel" not in repr(told.records)
    assert real.get("deploy/web")["spec"] == spec
    assert kubectl("get", kinds, "-n", real.namespace, "-o", "jsonpath={.items[*].metadata.uid}") == before


def test_what_somebody_else_changes_meanwhile_is_not_overrun(account: Account, tmp_path: Path) -> None:
    real = Cluster(account, tmp_path)

    def approve(_: ApprovalRequest) -> ApprovalAnswer:
        kubectl("scale", "deploy/web", "-n", real.namespace, "--replicas=4")
        return ApprovalAnswer(decision="once", by="test")

    told = real.call(approve, "scale_workload", name="deploy/web", replicas=2)
    assert "has changed while the approval was waited for" in told.results[0].content
    assert real.get("deploy/web")["spec"]["replicas"] == 4


def test_a_role_for_one_tool_is_enough_for_that_tool_and_for_no_other(account: Account, tmp_path: Path) -> None:
    wish = Wish(features=("scale_workload",), namespace=account.name, name=account.name, subject=account.subject)
    account.give(wish)
    with account.connect():
        real = Cluster(account, tmp_path, str(account.kubeconfig))
    person = Person()
    denied = real.call(person.approver, "restart_rollout", name="deploy/web")
    assert f"you may not patch deployments web in namespace {account.name}" in denied.results[0].content
    assert person.asked == []
    told = real.call(person.approver, "scale_workload", name="deploy/web", replicas=2)
    assert not told.results[0].is_error, told.results
    assert real.get("deploy/web")["spec"]["replicas"] == 2
