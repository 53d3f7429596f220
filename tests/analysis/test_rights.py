"""Why RBAC refuses, and where that is mended."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.rbac import Request, user_of
from kubeagentix.analysis.rights import Lack, lack_of
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.testing import snapshot_of

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
ME = user_of("shop", "app")
ASKED = Request(user=ME, verb="watch", resource="pods", namespace="shop")


def role(*rules: dict[str, Any], name: str = "reader", namespace: str = "shop", **metadata: Any) -> dict[str, Any]:
    return {"kind": "Role", "metadata": {"name": name, "namespace": namespace, **metadata}, "rules": list(rules)}


def cluster_role(*rules: dict[str, Any], name: str = "reader", **metadata: Any) -> dict[str, Any]:
    return {"kind": "ClusterRole", "metadata": {"name": name, **metadata}, "rules": list(rules)}


def binding(
    account: str = "app",
    *,
    of: str = "Role/reader",
    namespace: str = "shop",
    home: str = "shop",
    kind: str = "ServiceAccount",
    name: str = "gives",
) -> dict[str, Any]:
    subject = {"kind": kind, "name": account} | ({"namespace": home} if kind == "ServiceAccount" else {})
    role_kind, _, role_name = of.partition("/")
    return {
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"kind": role_kind, "name": role_name},
        "subjects": [subject],
    }


def account(name: str, namespace: str = "shop") -> dict[str, Any]:
    return {"kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def pod(account: str) -> dict[str, Any]:
    spec = {"serviceAccountName": account, "containers": [{"name": "c"}]}
    return {"kind": "Pod", "metadata": {"name": f"p-{account}", "namespace": "shop"}, "spec": spec}


ACCOUNTS = [account("default"), account("app")]


def lack(*manifests: dict[str, Any], asked: Request = ASKED, **options: Any) -> Lack:
    found = lack_of(snapshot_of(*ACCOUNTS, *manifests, **options), asked)
    assert found is not None
    return found


def told(found: Lack) -> tuple[str, str]:
    return found.reason, str(found.ref)


def test_what_is_allowed_lacks_nothing() -> None:
    assert lack_of(snapshot_of(role({**PODS, "verbs": ["watch"]}), binding()), ASKED) is None


def test_a_verb_that_the_bound_role_lacks_is_its_own_fault() -> None:
    found = lack(role(PODS), binding())
    assert told(found) == ("MissingVerb", "Role shop/reader")
    assert found.words == "Role shop/reader gives get, list on pods; watch is missing"


@pytest.mark.parametrize(
    ("rule", "asked", "reason"),
    [
        (
            {**PODS, "resourceNames": ["a"]},
            Request(user=ME, verb="get", resource="pods", namespace="shop", name="b"),
            "ResourceNames",
        ),
        (PODS, Request(user=ME, verb="get", resource="pods/log", namespace="shop"), "MissingSubresource"),
        (
            {**PODS, "resources": ["deployments"]},
            Request(user=ME, verb="list", resource="deployments", group="apps", namespace="shop"),
            "WrongAPIGroup",
        ),
        ({**PODS, "resources": ["pod"], "verbs": ["watch"]}, ASKED, "MisspeltResource"),
        ({**PODS, "resources": ["Pods"], "verbs": ["watch"]}, ASKED, "MisspeltResource"),
        ({**PODS, "resources": ["services"], "verbs": ["watch"]}, ASKED, "MissingRule"),
        (
            {**PODS, "apiGroups": ["apps"], "resources": ["deployments.apps"]},
            Request(user=ME, verb="list", resource="deployments", group="apps", namespace="shop"),
            "MisspeltResource",
        ),
        (
            PODS,
            Request(user=ME, verb="list", resource="pods", group="metrics.k8s.io", namespace="shop"),
            "MissingRule",
        ),
    ],
)
def test_a_bound_role_that_comes_near_is_where_it_is_mended(rule: dict[str, Any], asked: Request, reason: str) -> None:
    assert told(lack(role(rule), binding(), asked=asked)) == (reason, "Role shop/reader")


def test_the_role_that_comes_nearest_speaks() -> None:
    other = role({**PODS, "resources": ["configmaps"]}, name="other")
    found = lack(other, binding(of="Role/other", name="x"), role(PODS), binding())
    assert told(found) == ("MissingVerb", "Role shop/reader")


def test_a_role_that_the_control_plane_keeps_is_mended_by_its_binding() -> None:
    kept = cluster_role(PODS, name="view", labels={"kubernetes.io/bootstrapping": "rbac-defaults"})
    assert told(lack(kept, binding(of="ClusterRole/view"))) == ("MissingVerb", "RoleBinding shop/gives")
    own = cluster_role(PODS, name="mine")
    assert told(lack(own, binding(of="ClusterRole/mine"))) == ("MissingVerb", "ClusterRole mine")


def test_a_role_that_does_not_exist_is_the_bindings_fault_and_the_nearest_is_named() -> None:
    found = lack(role(PODS), binding(of="Role/readr"))
    assert told(found) == ("RoleNotFound", "RoleBinding shop/gives")
    assert found.words.endswith("the Role readr, which does not exist; there is a Role reader")


def test_a_role_that_could_not_be_read_is_not_missing() -> None:
    found = lack(binding(of="Role/readr"), gaps=[Gap(what="roles", why="403", kind="Role")])
    assert told(found) == ("", "ServiceAccount shop/app")
    assert "could not all be read" in found.words


def test_a_binding_in_another_namespace_is_told() -> None:
    watcher = role({**PODS, "verbs": ["watch"]}, namespace="other")
    found = lack(watcher, binding(namespace="other"))
    assert told(found) == ("WrongNamespace", "RoleBinding other/gives")
    assert "in namespace other only, and the request is for namespace shop" in found.words


def test_a_request_for_all_namespaces_needs_a_cluster_role_binding() -> None:
    everywhere = Request(user=ME, verb="watch", resource="pods")
    found = lack(role({**PODS, "verbs": ["watch"]}), binding(), asked=everywhere)
    assert told(found) == ("NamespaceOnly", "RoleBinding shop/gives")


WATCHER = role({**PODS, "verbs": ["watch"]})


@pytest.mark.parametrize(
    "wrong",
    [
        binding("default"),
        binding("ap"),
        binding(home="other"),
        binding("app", kind="User"),
        binding("shop:app", kind="Group"),
    ],
)
def test_a_binding_of_somebody_alike_has_the_wrong_subject(wrong: dict[str, Any]) -> None:
    found = lack(WATCHER, wrong)
    assert told(found) == ("WrongSubject", "RoleBinding shop/gives")
    assert "the pod uses ServiceAccount shop/app" in found.words


def cluster_wide(home: str) -> dict[str, Any]:
    given = binding(home=home, of="ClusterRole/watcher")
    return {**given, "kind": "ClusterRoleBinding", "metadata": {"name": "gives"}}


def test_of_bindings_for_the_whole_cluster_only_one_that_leads_nowhere_has_the_wrong_subject() -> None:
    watcher = cluster_role({**PODS, "verbs": ["watch"]}, name="watcher")
    namespaces = [{"kind": "Namespace", "metadata": {"name": name}} for name in ("shop", "other")]
    theirs = [watcher, cluster_wide("other"), account("app", "other"), *namespaces]
    assert told(lack(*theirs)) == ("NoBinding", "ServiceAccount shop/app")
    assert told(lack(*theirs[:2], *namespaces)) == ("WrongSubject", "ClusterRoleBinding gives")
    assert told(lack(watcher, cluster_wide("shopp"), *namespaces)) == ("WrongSubject", "ClusterRoleBinding gives")


def test_an_account_that_others_use_was_not_meant_for_this_pod() -> None:
    found = lack(WATCHER, binding("default"), pod("default"))
    assert told(found) == ("NoBinding", "ServiceAccount shop/app")
    assert "Role shop/reader would allow it and is not bound to it" in found.words
    assert told(lack(WATCHER, binding("billing"), account("billing")))[0] == "NoBinding"


def test_a_pod_that_forgot_its_account_is_told_which() -> None:
    default = Request(user=user_of("shop", "default"), verb="watch", resource="pods", namespace="shop")
    assert (found := lack(WATCHER, binding("app"), asked=default)).reason == "WrongServiceAccount"
    assert found.account == "app"


def test_rights_of_everybody_are_no_near_miss() -> None:
    everybody = binding("system:authenticated", kind="Group")
    assert told(lack(role(PODS), everybody)) == ("NoBinding", "ServiceAccount shop/app")


def test_nothing_bound_is_the_accounts_own_lack() -> None:
    assert told(lack()) == ("NoBinding", "ServiceAccount shop/app")
    assert told(lack(asked=Request(user="alice", verb="list", resource="pods"))) == ("NoBinding", "User alice")


def test_an_unread_namespace_is_pointed_at_so_that_it_is_read() -> None:
    elsewhere = Request(user=ME, verb="watch", resource="pods", namespace="other")
    found = lack(asked=elsewhere, namespace="shop")
    assert told(found) == ("", "ServiceAccount shop/app")
    assert [ref.namespace for ref in found.involved] == ["other"]
