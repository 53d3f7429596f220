from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis import rbac
from kubeagentix.analysis.rbac import Request, is_allowed, user_of
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.testing import snapshot_of

ME = user_of("shop", "app")


def request(verb: str = "list", resource: str = "pods", group: str = "", **rest: str) -> Request:
    return Request(**{"user": ME, "verb": verb, "resource": resource, "group": group, "namespace": "shop", **rest})


def named(name: str, kind: str) -> dict[str, str]:
    return {"name": name} if kind.startswith("Cluster") else {"name": name, "namespace": "shop"}


def role(rule: dict[str, Any], kind: str = "Role") -> dict[str, Any]:
    return {"kind": kind, "metadata": named("r", kind), "rules": [rule]}


def binding(subject: dict[str, str], kind: str = "RoleBinding", of: str = "Role") -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": named("b", kind),
        "roleRef": {"kind": of, "name": "r"},
        "subjects": [subject],
    }


APP = {"kind": "ServiceAccount", "name": "app", "namespace": "shop"}
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


@pytest.mark.parametrize(
    ("rule", "asked", "is_let"),
    [
        (PODS, request(), True),
        (PODS, request("watch"), False),
        (PODS, request(resource="services"), False),
        (PODS, request(group="apps"), False),
        (PODS, request("get", "pods/log"), False),
        ({**PODS, "verbs": ["*"]}, request("delete"), True),
        ({**PODS, "apiGroups": ["*"], "resources": ["*"]}, request("list", "deployments", "apps"), True),
        ({**PODS, "resources": ["*"]}, request("get", "pods/log"), True),
        ({**PODS, "resources": ["*/log"]}, request("get", "pods/log"), True),
        ({**PODS, "resources": ["*/log"]}, request("get", "pods"), False),
        ({**PODS, "resourceNames": ["a"]}, request("get", name="a"), True),
        ({**PODS, "resourceNames": ["a"]}, request("get", name="b"), False),
        ({**PODS, "resourceNames": ["a"]}, request("list"), False),
    ],
)
def test_a_rule_lets_through_what_it_names(rule: dict[str, Any], asked: Request, is_let: bool) -> None:
    assert is_allowed(snapshot_of(role(rule), binding(APP)), asked) is is_let


@pytest.mark.parametrize(
    ("subject", "is_let"),
    [
        (APP, True),
        ({**APP, "namespace": "other"}, False),
        ({"kind": "User", "name": ME}, True),
        ({"kind": "User", "name": "app"}, False),
        ({"kind": "Group", "name": "system:serviceaccounts"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:shop"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:other"}, False),
        ({"kind": "Group", "name": "system:authenticated"}, True),
        ({"kind": "Group", "name": "system:masters"}, False),
    ],
)
def test_a_subject_is_the_account_or_one_of_its_groups(subject: dict[str, str], is_let: bool) -> None:
    assert is_allowed(snapshot_of(role(PODS), binding(subject)), request()) is is_let


def test_the_anonymous_user_is_not_authenticated() -> None:
    snapshot = snapshot_of(role(PODS), binding({"kind": "Group", "name": "system:authenticated"}))
    assert not is_allowed(snapshot, request(user=rbac.ANONYMOUS))


def test_an_account_without_a_namespace_is_of_the_role_bindings_own() -> None:
    nameless = {"kind": "ServiceAccount", "name": "app"}
    assert is_allowed(snapshot_of(role(PODS), binding(nameless)), request())
    assert not is_allowed(snapshot_of(role(PODS), binding(nameless)), request(user=user_of("other", "app")))
    everywhere = snapshot_of(role(PODS, "ClusterRole"), binding(nameless, "ClusterRoleBinding", "ClusterRole"))
    assert not is_allowed(everywhere, request())


def test_a_role_binding_gives_a_cluster_role_in_its_namespace_only() -> None:
    snapshot = snapshot_of(role(PODS, "ClusterRole"), binding(APP, of="ClusterRole"))
    assert is_allowed(snapshot, request())
    assert not is_allowed(snapshot, request(namespace="other"))
    assert not is_allowed(snapshot, request(namespace=""))


def test_a_cluster_role_binding_gives_it_everywhere() -> None:
    snapshot = snapshot_of(role(PODS, "ClusterRole"), binding(APP, "ClusterRoleBinding", "ClusterRole"))
    assert is_allowed(snapshot, request(namespace="other"))
    assert is_allowed(snapshot, request(namespace=""))


def test_urls_that_are_no_resources_are_matched_by_their_beginning() -> None:
    rule = {"nonResourceURLs": ["/metrics", "/healthz/*"], "verbs": ["get"]}
    snapshot = snapshot_of(role(rule, "ClusterRole"), binding(APP, "ClusterRoleBinding", "ClusterRole"))
    asked = {path: is_allowed(snapshot, request("get", "", namespace="", path=path)) for path in ("/metrics", "/logs")}
    assert asked == {"/metrics": True, "/logs": False}
    assert is_allowed(snapshot, request("get", "", namespace="", path="/healthz/etcd"))


def test_rights_in_a_namespace_are_known_once_all_four_kinds_are_read() -> None:
    assert rbac.was_read(snapshot_of(), "shop")
    assert not rbac.was_read(snapshot_of(gaps=[Gap(what="", why="403", kind="ClusterRole")]), "shop")
    one = snapshot_of(gaps=[Gap(what="", why="403", kind="Role", namespace="shop")])
    assert (rbac.was_read(one, "shop"), rbac.was_read(one, "")) == (False, True)
