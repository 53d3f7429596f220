"""Commands that show a right that is missing, and that give it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.rbac import Request
from kubeagentix.analysis.rights import Lack
from kubeagentix.domain.access import ClusterRole, PolicyRule, Role
from kubeagentix.domain.diagnosis import Remedy, ResourceRef
from kubeagentix.domain.snapshot import Snapshot

_READERS = ("get", "list", "watch")  # what a client that watches needs together


def remedies(snapshot: Snapshot, lack: Lack, requests: Sequence[Request]) -> tuple[Remedy, ...]:
    """How to see the missing right, and the command that gives it."""
    return (can_i(requests[0]), *_shows(lack), *_gives(snapshot, lack, requests))


def can_i(request: Request) -> Remedy:
    """Ask the API server itself."""
    base, _, sub = request.resource.partition("/")
    what = request.path or f"{base}{f'.{request.group}' if request.group else ''}"
    scope = f" -n {request.namespace}" if request.namespace else "" if request.path else " -A"
    subresource = f" --subresource={sub}" if sub else ""
    command = f"auth can-i {request.verb} {what}{subresource} --as={request.user}{scope}"
    return kubectl.read("See whether it may", command)


def _shows(lack: Lack) -> Iterator[Remedy]:
    for ref in dict.fromkeys(ref for ref in (lack.binding, lack.role) if ref is not None):
        if ref != lack.role or lack.reason != "RoleNotFound":
            yield kubectl.describe(ref)
    if lack.binding is None and lack.role is None:
        yield kubectl.read("See which bindings there are", "get rolebindings,clusterrolebindings -A -o wide")


def _gives(snapshot: Snapshot, lack: Lack, requests: Sequence[Request]) -> Iterator[Remedy]:
    first, place = requests[0], requests[0].namespace
    if first.account is None or not lack.reason:
        return
    if lack.reason == "RoleNotFound" and lack.role is not None:
        yield from _recreate(lack, requests)
    elif lack.reason == "WrongSubject" and lack.binding is not None:
        kind = lack.binding.kind.lower()
        command = f"set subject {kind} {lack.binding.name} --serviceaccount={':'.join(first.account)}"
        yield kubectl.write("Bind the role to it", command, lack.binding.namespace)
    elif lack.reason in ("WrongNamespace", "NamespaceOnly", "NoBinding") and _is_usable(lack, place):
        yield _bind(lack.role or ResourceRef(kind=Role.kind, name=""), first)
    elif lack.ref.kind in (Role.kind, ClusterRole.kind):
        yield _add_rules(snapshot, lack.ref, requests)
    elif lack.reason != "WrongServiceAccount":
        yield _new_role(requests)


def _is_usable(lack: Lack, place: str) -> bool:
    """Whether the role that allows it can be bound where it is wanted."""
    role = lack.role
    return role is not None and (role.kind == ClusterRole.kind or (place != "" and role.namespace == place))


def _recreate(lack: Lack, requests: Sequence[Request]) -> Iterator[Remedy]:
    role, binding = lack.role, lack.binding
    assert role is not None
    assert binding is not None
    if lack.likely:
        kind, place = binding.kind.lower(), f" -n {binding.namespace}" if binding.namespace else ""
        subject = ":".join(requests[0].account or ())
        command = (
            f"delete {kind} {binding.name}{place} && kubectl create {kind} {binding.name} "
            f"--{role.kind.lower()}={lack.likely} --serviceaccount={subject}{place}"
        )
        yield kubectl.write(f"Bind {lack.likely} instead", command, why="a binding's roleRef cannot be changed")
    yield kubectl.write(
        f"Or create {role.name}" if lack.likely else f"Create {role.name}",
        f"create {role.kind.lower()} {role.name} {_wanted(requests)}",
        role.namespace,
    )


def _wanted(requests: Sequence[Request]) -> str:
    verbs = ",".join(dict.fromkeys(verb for request in requests for verb in _verbs(request)))
    if requests[0].path:
        return f"--verb={verbs} --non-resource-url={requests[0].path}"
    return f"--verb={verbs} --resource={','.join(dict.fromkeys(request.what for request in requests))}"


def _verbs(request: Request) -> tuple[str, ...]:
    # Whoever lists in order to watch is refused the next verb as soon as it has this one.
    return _READERS if request.verb in ("list", "watch") and not request.path else (request.verb,)


def _add_rules(snapshot: Snapshot, role: ResourceRef, requests: Sequence[Request]) -> Remedy:
    found = snapshot.find(role)
    rules = found.rules if isinstance(found, Role | ClusterRole) else ()
    added = [_rule(request) for request in dict.fromkeys(requests)]
    wanted: list[dict[str, list[str]]] = [item for index, item in enumerate(added) if item not in added[:index]]
    changes = (
        [{"op": "add", "path": "/rules/-", "value": item} for item in wanted]
        if rules
        else [{"op": "add", "path": "/rules", "value": wanted}]
    )
    command = f"patch {role.kind.lower()} {role.name} --type=json -p '{json.dumps(changes)}'"
    return kubectl.write(f"Add the rule to {role}", command, role.namespace)


def _rule(request: Request) -> dict[str, list[str]]:
    if request.path:
        return {"nonResourceURLs": [request.path], "verbs": [request.verb]}
    return {"apiGroups": [request.group], "resources": [request.resource], "verbs": [request.verb]}


def _new_role(requests: Sequence[Request]) -> Remedy:
    first = requests[0]
    name = f"{(first.account or ('', 'app'))[1]}-{(first.resource or first.path).strip('/').replace('/', '-')}"
    kind = Role.kind if first.namespace else ClusterRole.kind
    place = f" -n {first.namespace}" if first.namespace else ""
    binding = _bind(ResourceRef(kind=kind, namespace=first.namespace, name=name), first).command
    command = f"create {kind.lower()} {name} {_wanted(requests)}{place} && {binding}"
    return kubectl.write("Give it the right, and nothing else", command)


def _bind(role: ResourceRef, request: Request) -> Remedy:
    account, own = ":".join(request.account or ()), (request.account or ("", "app"))[1]
    name = role.name if role.name.startswith(own) else f"{own}-{role.name}"
    kind = "rolebinding" if request.namespace else "clusterrolebinding"
    command = f"create {kind} {name} --{role.kind.lower()}={role.name} --serviceaccount={account}"
    return kubectl.write(f"Bind {role}", command, request.namespace)


def rule_excerpt(rule: PolicyRule) -> str:
    """A rule as it stands in its role, on one line."""
    parts = {
        "apiGroups": rule.api_groups,
        "resources": rule.resources,
        "resourceNames": rule.resource_names,
        "nonResourceURLs": rule.non_resource_urls,
        "verbs": rule.verbs,
    }
    return ", ".join(f"{name}: {json.dumps(values)}" for name, values in parts.items() if values)
