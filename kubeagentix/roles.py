"""RBAC roles with the least that is needed: made of what Quick Dx and the tools declare that they ask of the API.

A ClusterRole for all namespaces, or for one of them a Role there, Roles in the few others that are looked at, too, and
a ClusterRole for what is in no namespace. No wildcard ever: whoever applies it can read what it gives.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubeagentix import registry
from kubeagentix.cluster.snapshot import DIAGNOSING
from kubeagentix.cluster.watch import can_watch
from kubeagentix.domain.diagnosis import Effect
from kubeagentix.domain.resources import Kind
from kubeagentix.domain.rights import CUSTOM_RESOURCES, EVERYWHERE, Right, rights_on
from kubeagentix.errors import UsageError, excerpt

QUICK_DX = "quickdx"
DEFAULT_NAME = "kubeagentix"
_GROUP = "rbac.authorization.k8s.io"
_API = f"{_GROUP}/v1"
# Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_ROLE_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.:]{0,251}[A-Za-z0-9])?")  # system:… has colons
# What can be left out, and which rights that is.
PARTS: Mapping[str, Callable[[Right], bool]] = {
    "logs": lambda right: right.resource == "pods/log",
    "metrics": lambda right: right.group == "metrics.k8s.io",
    "secrets": lambda right: not right.group and right.resource == "secrets",
}
_SECRETS_NOTE = (
    "whoever may list or get Secrets can read their values, RBAC knows nothing less: KubeAgentiX keeps keys, sizes and "
    "certificate dates only; --without-secrets leaves them out"
)
_GIVEN_NOTE = (
    "discovery and access reviews are not in it: Kubernetes gives them to all who are authenticated "
    "(system:discovery, system:basic-user)"
)
_ELSEWHERE_NOTE = "a fault that leads to another namespace is followed where there is a role for it, and else a gap"
_WATCH_NOTE = "for `kubeagentix watch`: without the verb it lists every 30 s; metrics.k8s.io offers none"
_CUSTOM_NOTE = "custom resources are left out: --custom-resources names those that the cluster defines"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that a role can be made for: Quick Dx, or a tool."""

    rights: tuple[Right, ...]
    effect: Effect = "read"

    @property
    def danger(self) -> str:
        """What else its rights let their holder do; one with such is given on request only."""
        return next((right.danger for right in self.rights if right.danger), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """A Service, as RBAC names it where it is asked through the API server."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a role shall be for. `namespace` None: all of them; `subject` is (kind, name) of who gets it.

    `has_watch`: Quick Dx shall also go on, as `kubeagentix watch` does.
    """

    features: tuple[str, ...]
    namespace: str | None = None
    without: frozenset[str] = frozenset()
    custom_kinds: tuple[Kind, ...] = ()
    has_cluster_scope: bool = True
    proxied: Proxied | None = None
    has_watch: bool = False
    name: str = DEFAULT_NAME
    subject: tuple[str, str] | None = None


def features() -> Mapping[str, Feature]:
    """Everything that a role can be made for, by name."""
    tools = registry.tools().items()
    return {
        QUICK_DX: Feature(rights=DIAGNOSING),
        **{name: Feature(rights=plugin.rights, effect=plugin.spec.effect) for name, plugin in tools},
    }


def reading() -> tuple[str, ...]:
    """The features that only read, and whose rights are good for nothing else."""
    return tuple(name for name, one in features().items() if one.effect == "read" and not one.danger)


def manifests(wish: Wish) -> tuple[Manifest, ...]:
    """What to apply: roles, and where a subject is named their bindings. Raises UsageError."""
    _check_names(wish)
    granted = tuple(_granted(wish))
    if wish.namespace is None:
        roles = [_role("ClusterRole", wish.name, "", granted)]
    else:
        roles = [*_roles_of_namespaces(wish, granted), *_role_of_cluster(wish, granted)]
    roles = [role for role in roles if role["rules"]]
    if not roles:
        raise UsageError("nothing is left that a role could give", hint="leave less out")
    account = [_account(wish.subject[1])] if wish.subject and wish.subject[0] == "serviceaccount" else []
    return (*account, *roles, *(_binding(role, wish.subject) for role in roles if wish.subject))


def notes(wish: Wish) -> tuple[str, ...]:
    """What whoever applies it should know, a sentence each."""
    known, granted = features(), tuple(_granted(wish))
    dangers = {right.danger for right in granted if right.danger and not right.names}
    far = [name for name in wish.features if wish.namespace is not None and _is_for_all_namespaces(known[name])]
    rest = [(name, one.danger) for name, one in known.items() if one.danger and name not in wish.features]
    asked = [right.resource for name in wish.features for right in known[name].rights]
    return (
        f"for {', '.join(name for name in wish.features if name not in far)}",
        *([_WATCH_NOTE] if wish.has_watch else []),
        _GIVEN_NOTE,
        *([_SECRETS_NOTE] if any(PARTS["secrets"](right) for right in granted) else []),
        *(f"careful: this {danger}" for danger in sorted(dangers)),
        *([_ELSEWHERE_NOTE] if wish.namespace is not None else []),
        *([f"left out, as they look at all namespaces: {', '.join(far)}"] if far else []),
        *(f"{name} is left out, as its right {danger}: name it with --for or --prometheus" for name, danger in rest),
        *([_CUSTOM_NOTE] if CUSTOM_RESOURCES in asked and not wish.custom_kinds else []),
    )


def _check_names(wish: Wish) -> None:
    if not _ROLE_NAME.fullmatch(wish.name):
        raise UsageError(f"{excerpt(wish.name, 60)!r} is no name of a role", hint="as in team-a:kubeagentix")
    if wish.namespace is not None and not _LABEL.fullmatch(wish.namespace):
        raise UsageError(f"{excerpt(wish.namespace, 63)!r} is no name of a namespace", hint="check its spelling")


def _granted(wish: Wish) -> Iterator[Right]:
    known = features()
    for name in wish.features:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"there is no feature {excerpt(name, 60)!r} to make a role for", hint=hint)
        if wish.namespace is not None and _is_for_all_namespaces(known[name]):
            continue
        for right in known[name].rights:
            is_watched = wish.has_watch and name == QUICK_DX and can_watch(right)
            asked = replace(right, verbs=(*right.verbs, "watch")) if is_watched else right
            yield from _meant(wish, asked)


def _is_for_all_namespaces(feature: Feature) -> bool:
    return any(right.namespace == EVERYWHERE and right.is_namespaced for right in feature.rights)


def _meant(wish: Wish, right: Right) -> Iterator[Right]:
    """A right as this wish wants it: custom resources by name, a Service by name, or not at all."""
    if any(PARTS[part](right) for part in wish.without):
        return
    if right.resource == CUSTOM_RESOURCES:
        yield from rights_on(wish.custom_kinds, *right.verbs, namespace=right.namespace)
    elif right.resource == "services/proxy" and wish.proxied is not None:
        yield replace(right, names=(wish.proxied.name,), namespace=wish.proxied.namespace)
    else:
        yield right


def _roles_of_namespaces(wish: Wish, granted: Iterable[Right]) -> Iterator[Manifest]:
    own = wish.namespace or ""
    places: dict[str, list[Right]] = {own: []}
    for right in granted:
        if right.is_namespaced:
            places.setdefault(right.namespace or own, []).append(right)
    for place, rights in places.items():
        # Elsewhere there may be those of other namespaces, too.
        yield _role("Role", wish.name if place == own else f"{wish.name}-{own}", place, rights)


def _role_of_cluster(wish: Wish, granted: Iterable[Right]) -> Iterator[Manifest]:
    if wish.has_cluster_scope:
        loose = [right for right in granted if not right.is_namespaced]
        yield _role("ClusterRole", f"{wish.name}-{wish.namespace}", "", loose)


def _role(kind: str, name: str, namespace: str, rights: Iterable[Right]) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "rules": _rules(rights)}


def _rules(rights: Iterable[Right]) -> list[dict[str, list[str]]]:
    """One rule for all resources of a group that the same verbs are asked of."""
    verbs: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for right in rights:
        verbs[right.group, right.resource, right.names].update(right.verbs)
    alike: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource, names), asked in verbs.items():
        alike[group, tuple(sorted(asked)), names].append(resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": [*asked]}
        | ({"resourceNames": [*names]} if names else {})
        for (group, asked, names), resources in sorted(alike.items())
    ]


def _account(subject: str) -> Manifest:
    namespace, name = _account_parts(subject)
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def _account_parts(subject: str) -> tuple[str, str]:
    namespace, colon, name = subject.partition(":")
    if not (colon and _LABEL.fullmatch(namespace) and _SUBDOMAIN.fullmatch(name)):
        raise UsageError(f"{excerpt(subject, 80)!r} names no ServiceAccount", hint="write NAMESPACE:NAME")
    return namespace, name


def _binding(role: Manifest, subject: tuple[str, str]) -> Manifest:
    kind, name = subject
    who: dict[str, str]
    if kind == "serviceaccount":
        namespace, account = _account_parts(name)
        who = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    else:
        who = {"apiGroup": _GROUP, "kind": kind.capitalize(), "name": name}
    return {
        "apiVersion": _API,
        "kind": f"{role['kind']}Binding",
        "metadata": role["metadata"],
        "roleRef": {"apiGroup": _GROUP, "kind": role["kind"], "name": role["metadata"]["name"]},
        "subjects": [who],
    }
