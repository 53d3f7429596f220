"""Who may do what: bearer tokens, and RBAC evaluated from the Role and Binding objects in the store.

Source: k8s.io/kubernetes/pkg/registry/rbac and plugin/pkg/auth/authorizer/rbac.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kubeagentix.demo.api_errors import StatusError, forbidden, unauthorized
from kubeagentix.demo.calls import Call, User
from kubeagentix.demo.store import Store

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
_OPEN_PATHS = ("/healthz", "/livez", "/readyz")  # probes come without credentials

Rule = Mapping[str, Any]


class Access:
    """The users known by token, and what the store's RBAC objects let them do."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._users: dict[str, User] = {}
        self._tokens: dict[str, str] = {}
        self.add_user("admin", groups=(MASTERS,))

    def add_user(self, name: str, token: str | None = None, groups: Sequence[str] = ()) -> str:
        """Let `name` in by `token` (a random one if None); returns the token."""
        token = token or secrets.token_urlsafe(24)
        self._users[token] = User(name=name, groups=(*groups, AUTHENTICATED))
        self._tokens[name] = token
        return token

    def renew_token(self, name: str) -> str:
        """Another token for `name`; the one until now is refused. Raises KeyError."""
        user, token = self._users.pop(self._tokens[name]), secrets.token_urlsafe(24)
        self._users[token], self._tokens[name] = user, token
        return token

    def token(self, user: str) -> str:
        """The token of a user. Raises KeyError."""
        return self._tokens[user]

    def authenticate(self, call: Call) -> User:
        """Who is asking. Raises StatusError 401, and 403 for impersonation that is not allowed."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        user = self._users.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            if call.path.startswith(_OPEN_PATHS):
                return call.user
            raise unauthorized()
        wanted = call.headers.get("Impersonate-User")
        return self._impersonate(replace(call, user=user), wanted) if wanted else user

    def authorize(self, call: Call) -> None:
        """Raises StatusError 403, worded as the API server does, unless the user may do this."""
        if call.path.startswith(_OPEN_PATHS):
            return
        if not call.resource:
            if not self._allows_path(call.user, call.method.lower(), call.path):
                why = f'User "{call.user.name}" cannot {call.method.lower()} path "{call.path}"'
                raise StatusError(403, "Forbidden", f"forbidden: {why}", {})
            return
        resource = f"{call.resource}/{call.subresource}" if call.subresource else call.resource
        if not self.allows(call.user, call.verb, call.group, resource, namespace=call.namespace, name=call.name):
            raise _forbidden(call, call.user, call.verb, call.group, resource)

    def allows(self, user: User, verb: str, group: str, resource: str, *, namespace: str = "", name: str = "") -> bool:
        """Whether RBAC lets `user` do `verb` on a resource (`pods`, `pods/log`)."""
        return MASTERS in user.groups or any(
            _covers(rule, verb, group, resource, name) for rule in self.rules(user, namespace)
        )

    def rules(self, user: User, namespace: str = "") -> Iterator[Rule]:
        """The rules that apply to `user` in a namespace, the cluster-wide ones first."""
        for binding in self._objects("ClusterRoleBinding"):
            if _binds(binding, user):
                yield from self._role_rules(binding["roleRef"], "")
        for binding in self._objects("RoleBinding", namespace) if namespace else ():
            if _binds(binding, user):
                yield from self._role_rules(binding["roleRef"], namespace)

    def allows_attributes(self, user: User, spec: Mapping[str, Any]) -> bool:
        """The answer to an access review's `resourceAttributes` or `nonResourceAttributes`."""
        if "nonResourceAttributes" in spec:
            attributes = spec["nonResourceAttributes"]
            return self._allows_path(user, attributes.get("verb", ""), attributes.get("path", ""))
        attributes = spec.get("resourceAttributes") or {}
        subresource = attributes.get("subresource", "")
        resource = attributes.get("resource", "") + (f"/{subresource}" if subresource else "")
        return self.allows(
            user,
            attributes.get("verb", ""),
            attributes.get("group", ""),
            resource,
            namespace=attributes.get("namespace", ""),
            name=attributes.get("name", ""),
        )

    def _allows_path(self, user: User, verb: str, path: str) -> bool:
        return MASTERS in user.groups or any(_covers_path(rule, verb, path) for rule in self.rules(user))

    def _role_rules(self, reference: Mapping[str, str], namespace: str) -> Sequence[Rule]:
        role = self._store.peek(self._store.catalog.named(reference["kind"]), namespace, reference["name"])
        return (role or {}).get("rules") or ()

    def _objects(self, kind: str, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        return self._store.peek_all(self._store.catalog.named(kind), namespace)

    def _impersonate(self, call: Call, name: str) -> User:
        if not self.allows(call.user, "impersonate", "", "users", name=name):
            raise _forbidden(replace(call, namespace="", name=name), call.user, "impersonate", "", "users")
        groups = [value for key, value in call.headers.items() if key.lower() == "impersonate-group"]
        return User(name=name, groups=(*groups, *service_account_groups(name), AUTHENTICATED))


def account_user(namespace: str, name: str) -> User:
    """The user as whom the pods of a service account ask."""
    full = f"system:serviceaccount:{namespace}:{name}"
    return User(name=full, groups=(*service_account_groups(full), AUTHENTICATED))


def service_account_groups(user_name: str) -> tuple[str, ...]:
    """The groups of a service account's user name; none for other users."""
    parts = user_name.split(":")
    if parts[:2] != ["system", "serviceaccount"] or len(parts) != 4:
        return ()
    return ("system:serviceaccounts", f"system:serviceaccounts:{parts[2]}")


def _forbidden(call: Call, user: User, verb: str, group: str, resource: str) -> StatusError:
    scope = f'in the namespace "{call.namespace}"' if call.namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {verb} resource "{resource}" in API group "{group}" {scope}'
    return forbidden(group, resource.partition("/")[0], call.name, why)


def _binds(binding: Mapping[str, Any], user: User) -> bool:
    return any(_is_subject(subject, user) for subject in binding.get("subjects") or ())


def _is_subject(subject: Mapping[str, str], user: User) -> bool:
    match subject.get("kind"):
        case "User":
            return subject["name"] == user.name
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            return user.name == f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
    return False


def _covers(rule: Rule, verb: str, group: str, resource: str, name: str) -> bool:
    base, _, subresource = resource.partition("/")
    resources = {"*", resource, *([f"*/{subresource}"] if subresource else [base])}
    return (
        not {"*", verb}.isdisjoint(rule.get("verbs") or ())
        and not {"*", group}.isdisjoint(rule.get("apiGroups") or ())
        and not resources.isdisjoint(rule.get("resources") or ())
        and (not rule.get("resourceNames") or name in rule["resourceNames"])
    )


def _covers_path(rule: Rule, verb: str, path: str) -> bool:
    if {"*", verb}.isdisjoint(rule.get("verbs") or ()):
        return False
    return any(
        path == pattern or (pattern.endswith("*") and path.startswith(pattern[:-1]))
        for pattern in rule.get("nonResourceURLs") or ()
    )
