"""The printed roles on a real Kubernetes: its RBAC lets their holder read everything, and change nothing."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import kubeagentix as kx
from kubeagentix import registry, roles, sync
from kubeagentix.cluster import connection
from kubeagentix.engine.rehearsal import rehearse
from kubeagentix.errors import NotPermittedError
from kubeagentix.roles import Wish
from kubeagentix.toolkit.arguments import check
from tests.cluster.real.lab import KUBECONFIG, KUBECTL, kubectl
from tests.tools.lab import Lab

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster"),
]

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: talker}
spec:
  replicas: 1
  selector: {matchLabels: {app: talker}}
  template:
    metadata: {labels: {app: talker}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: busybox:1.35
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "echo cannot open the ledger; sleep 1; exit 3"]
"""
CHANGES = (
    ("delete", "pods"),
    ("create", "pods"),
    ("patch", "deployments.apps"),
    ("update", "deployments.apps/scale"),
    ("create", "pods/exec"),
    ("create", "pods/eviction"),
    ("create", "serviceaccounts/token"),
    ("patch", "nodes"),
    ("get", "services/proxy"),
    ("get", "nodes/proxy"),
    ("watch", "secrets"),
    ("impersonate", "users"),
    ("escalate", "clusterroles"),
    ("bind", "clusterroles"),
)


class Account:
    """A ServiceAccount in a namespace of its own, and ways to ask the cluster as it."""

    def __init__(self, folder: Path) -> None:
        self.name = f"rbac-{uuid.uuid4().hex[:6]}"
        self.kubeconfig = folder / "kubeconfig"

    @property
    def subject(self) -> tuple[str, str]:
        return "serviceaccount", f"{self.name}:reader"

    def give(self, wish: Wish) -> None:
        self.take()
        made = yaml.safe_dump_all(roles.manifests(wish))
        for words in (("apply", "--dry-run=server"), ("apply",), ("auth", "reconcile")):
            said = kubectl(*words, "-f", "-", text=made)
        assert "reconciled" in said
        assert "missing" not in said  # reconciling adds nothing to what was applied

    def take(self) -> None:
        for kind in ("clusterrolebinding", "clusterrole"):
            kubectl("delete", "--ignore-not-found", kind, self.name, f"{self.name}-{self.name}")
        for place in (self.name, "default", "kube-system"):
            for kind in ("rolebinding", "role"):
                kubectl("delete", "-n", place, "--ignore-not-found", kind, self.name, f"{self.name}-{self.name}")

    def connect(self) -> kx.Cluster:
        """As the account, by a token that the real kubectl has made for it."""
        token = kubectl("create", "token", "reader", "-n", self.name, "--duration=600s").strip()
        config: dict[str, Any] = json.loads(kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
        config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
        self.kubeconfig.write_text(json.dumps(config))
        return connection.connect(kubeconfig=str(self.kubeconfig))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path)
    kubectl("create", "namespace", made.name)
    try:
        kubectl("apply", "-n", made.name, "-f", "-", text=WORKLOAD)
        yield made
    finally:
        made.take()
        kubectl("delete", "namespace", "--wait=false", made.name)


def test_quick_dx_as_such_an_account_has_no_gap(account: Account) -> None:
    account.give(Wish(features=("quickdx",), name=account.name, subject=account.subject))
    with account.connect() as cluster:
        diagnosis = kx.diagnose(all_namespaces=True, cluster=cluster)
    assert [f"{gap.what}: {gap.why}" for gap in diagnosis.gaps if "orbidden" in gap.why] == []
    assert diagnosis.counts["Secret"] > 0


def test_quick_dx_of_one_namespace_needs_no_more_than_its_roles(account: Account) -> None:
    account.give(Wish(features=("quickdx",), namespace=account.name, name=account.name, subject=account.subject))
    with account.connect() as cluster:
        diagnosis = kx.diagnose(namespace=account.name, cluster=cluster)
        elsewhere = kx.diagnose(namespace="kube-public", cluster=cluster)
    assert [f"{gap.what}: {gap.why}" for gap in diagnosis.gaps if "orbidden" in gap.why] == []
    assert any("orbidden" in gap.why for gap in elsewhere.gaps)


def test_the_role_lets_nobody_change_anything(account: Account) -> None:
    account.give(Wish(features=roles.reading(), name=account.name, subject=account.subject))
    with account.connect():
        pass
    for verb, resource in CHANGES:
        assert _can_i(account, verb, resource) == "no", (verb, resource)
    assert _can_i(account, "list", "pods") == "yes"
    assert _can_i(account, "get", "pods/log") == "yes"


def _can_i(account: Account, verb: str, resource: str) -> str:
    kind, _, sub = resource.partition("/")
    words = ["auth", "can-i", verb, kind, "-n", account.name, *([f"--subresource={sub}"] if sub else [])]
    command = [str(KUBECTL), "--kubeconfig", str(account.kubeconfig), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # "no" is told with an exit code
    return done.stdout.strip()


def test_the_tools_read_with_it(account: Account) -> None:
    account.give(Wish(features=roles.reading(), name=account.name, subject=account.subject))
    with account.connect() as cluster:
        lab = Lab(cluster, namespace=account.name)
        assert "talker" in lab.text("list_resources", kind="deploy")
        assert "talker" in lab.text("describe_resource", name="deploy/talker")
        assert "revision" in lab.text("rollout_history", name="deploy/talker")
        assert lab.call("can_i", verb="delete", resource="pods").data["allowed"] is False
        assert lab.call("can_i", verb="list", resource="pods").data["allowed"] is True


async def _rehearsed(cluster: kx.Cluster, namespace: str, tool: str, arguments: dict[str, Any]) -> None:
    plugin = registry.tools()[tool]
    assert plugin.prepare is not None
    context = Lab(cluster, namespace=namespace).context
    for change in await plugin.prepare(check(plugin.spec, arguments), context):
        await rehearse(cluster, change, str)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("scale_workload", {"name": "deploy/talker", "replicas": 2}),
        ("restart_rollout", {"name": "deploy/talker"}),
        ("patch_resource", {"name": "deploy/talker", "patch": '{"metadata": {"labels": {"seen": "yes"}}}'}),
        ("delete_resource", {"name": "deploy/talker"}),
    ],
)
def test_the_role_of_a_tool_that_changes_is_enough_for_its_rehearsal(
    account: Account, tool: str, arguments: dict[str, Any]
) -> None:
    """The server's own dry run needs the right to change; nothing is changed here."""
    for features, is_enough in (((tool,), True), (roles.reading(), False)):
        account.give(Wish(features=features, name=account.name, subject=account.subject))
        with account.connect() as cluster:
            if is_enough:
                sync.run(_rehearsed(cluster, account.name, tool, arguments))
            else:
                with pytest.raises(NotPermittedError):
                    sync.run(_rehearsed(cluster, account.name, tool, arguments))
