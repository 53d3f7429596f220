"""What RBAC lets a user do, evaluated from the roles and bindings of a snapshot as the API server does.

Source: pkg/registry/rbac/validation/rule.go, pkg/apis/rbac/v1/evaluation_helpers.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubeagentix.domain.access import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.snapshot import Snapshot

GROUP = "rbac.authorization.k8s.io"
ANONYMOUS = "system:anonymous"
_ACCOUNT = "system:serviceaccount:"

Binding = RoleBinding | ClusterRoleBinding
AnyRole = Role | ClusterRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks of the API server. `resource` is `pods` or `pods/log`; `namespace` "" is the whole cluster.

    `path` instead of a resource is a URL such as `/metrics`.
    """

    user: str
    verb: str
    resource: str = ""
    group: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def what(self) -> str:
        """The resource as kubectl takes it: `pods/log`, `deployments.apps`, `deployments.apps/scale`."""
        base, slash, sub = self.resource.partition("/")
        return self.path or f"{base}{f'.{self.group}' if self.group else ''}{slash}{sub}"

    @property
    def place(self) -> str:
        """Where: `in namespace shop`, `in the whole cluster`."""
        return f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"

    @property
    def account(self) -> tuple[str, str] | None:
        """(namespace, name) of the ServiceAccount that asks, None for other users."""
        namespace, colon, name = self.user.removeprefix(_ACCOUNT).partition(":")
        return (namespace, name) if self.user.startswith(_ACCOUNT) and colon else None

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that the user is known to be in."""
        if self.user == ANONYMOUS:
            return ("system:unauthenticated",)
        account = self.account
        own = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}") if account else ()
        return (*own, "system:authenticated")


def user_of(namespace: str, account: str) -> str:
    """The user name of a ServiceAccount."""
    return f"{_ACCOUNT}{namespace}:{account or 'default'}"


def allows(rule: PolicyRule, request: Request) -> bool:
    """Whether one rule lets the request through."""
    if not _has(rule.verbs, request.verb):
        return False
    if request.path:
        return any(_is_path(pattern, request.path) for pattern in rule.non_resource_urls)
    return (
        _has(rule.api_groups, request.group)
        and covers_resource(rule, request.resource)
        and covers_name(rule, request.name)
    )


def covers_resource(rule: PolicyRule, resource: str) -> bool:
    """Whether a rule names a resource: itself, `*`, or `*/scale` for the subresource of anything."""
    sub = resource.partition("/")[2]
    return any(item in ("*", resource) or (sub != "" and item == f"*/{sub}") for item in rule.resources)


def covers_name(rule: PolicyRule, name: str) -> bool:
    """Whether a rule is for all objects, or for that one."""
    return not rule.resource_names or name in rule.resource_names


def _has(values: tuple[str, ...], wanted: str) -> bool:
    return "*" in values or wanted in values


def _is_path(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def is_subject(subject: Subject, request: Request) -> bool:
    """Whether a binding's subject is the user who asks, or one of their groups."""
    match subject.kind:
        case "User":
            return subject.name == request.user
        case "Group":
            return subject.name in request.groups
        case "ServiceAccount":
            return request.account == (subject.namespace, subject.name)
    return False


def is_bound(binding: Binding, request: Request) -> bool:
    """Whether a binding gives its role to the user who asks."""
    return any(is_subject(subject, request) for subject in subjects_of(binding))


def subjects_of(binding: Binding) -> tuple[Subject, ...]:
    """To whom a binding gives its role: a ServiceAccount without a namespace is of the RoleBinding's own.

    Source: pkg/registry/rbac/validation/rule.go, appliesToUser.
    """
    return tuple(
        Subject(kind=item.kind, name=item.name, namespace=item.namespace or binding.namespace)
        if item.kind == "ServiceAccount"
        else item
        for item in binding.subjects
    )


def bindings_in(snapshot: Snapshot, namespace: str) -> Iterator[Binding]:
    """The bindings that count for requests in a namespace ("": for the whole cluster)."""
    yield from snapshot.all(ClusterRoleBinding)
    if namespace:
        yield from snapshot.in_namespace(RoleBinding, namespace)


def role_ref(snapshot: Snapshot, binding: Binding) -> ResourceRef:
    """The role that a binding gives, which may not exist."""
    kind = binding.role_ref.kind
    return snapshot.named(kind, binding.namespace if kind == Role.kind else "", binding.role_ref.name)


def role_of(snapshot: Snapshot, binding: Binding) -> AnyRole | None:
    """The role that a binding gives, if it is in the picture."""
    found = snapshot.find(role_ref(snapshot, binding))
    return found if isinstance(found, Role | ClusterRole) else None


def role_allows(role: AnyRole | None, request: Request) -> bool:
    """Whether a role lets the request through."""
    return role is not None and any(allows(rule, request) for rule in role.rules)


def is_allowed(snapshot: Snapshot, request: Request) -> bool:
    """Whether what was read of RBAC lets the request through."""
    return any(
        is_bound(binding, request) and role_allows(role_of(snapshot, binding), request)
        for binding in bindings_in(snapshot, request.namespace)
    )


def was_read(snapshot: Snapshot, namespace: str) -> bool:
    """Whether all of RBAC that counts for requests in a namespace is in the picture."""
    own = not namespace or (snapshot.was_read(Role, namespace) and snapshot.was_read(RoleBinding, namespace))
    return own and snapshot.was_read(ClusterRole) and snapshot.was_read(ClusterRoleBinding)
