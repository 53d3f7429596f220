"""Who may do what: RBAC roles and the bindings that give them to users, groups and ServiceAccounts."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from kubeagentix.domain.meta import LabelSelector, Resource, Value


class PolicyRule(Value, frozen=True):
    """`rules[]` of a role: verbs on resources, or (cluster-wide only) on URLs that are no resources."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = field(default=(), name="nonResourceURLs")


class AggregationRule(Value, frozen=True):
    """`aggregationRule`: a controller keeps the role's rules equal to those of the roles it selects."""

    cluster_role_selectors: tuple[LabelSelector, ...] = ()


class Role(Resource, frozen=True):
    """A Role."""

    kind: ClassVar[str] = "Role"
    rules: tuple[PolicyRule, ...] = ()


class ClusterRole(Resource, frozen=True):
    """A ClusterRole; the rules of an aggregated one are there as the controller wrote them."""

    kind: ClassVar[str] = "ClusterRole"
    rules: tuple[PolicyRule, ...] = ()
    aggregation_rule: AggregationRule | None = None


class RoleReference(Value, frozen=True):
    """`roleRef`, which cannot be changed once the binding exists."""

    kind: str = ""
    name: str = ""


class Subject(Value, frozen=True):
    """`subjects[]`. `namespace` is that of a ServiceAccount."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class RoleBinding(Resource, frozen=True):
    """A RoleBinding: gives a Role of its namespace, or a ClusterRole, within its namespace."""

    kind: ClassVar[str] = "RoleBinding"
    role_ref: RoleReference = field(default_factory=RoleReference)
    subjects: tuple[Subject, ...] = ()


class ClusterRoleBinding(Resource, frozen=True):
    """A ClusterRoleBinding: gives a ClusterRole everywhere."""

    kind: ClassVar[str] = "ClusterRoleBinding"
    role_ref: RoleReference = field(default_factory=RoleReference)
    subjects: tuple[Subject, ...] = ()
