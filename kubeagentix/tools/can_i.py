"""Whether somebody may do something: oneself, by asking the server; a ServiceAccount, from roles and bindings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubeagentix.analysis import rbac
from kubeagentix.analysis.granting import remedies, rule_excerpt
from kubeagentix.analysis.rights import Lack, lack_of
from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.access import ClusterRoleBinding, RoleBinding
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ServiceAccount
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import NotFoundError
from kubeagentix.toolkit.kinds import kind_of
from kubeagentix.toolkit.places import NAMESPACE, live, namespace_of, picture
from kubeagentix.toolkit.statuses import Said, evidence_in

_KINDS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount", "Namespace", "Pod")


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """Yes or no, and why."""
    request = await _request(arguments, context)
    if arguments["service_account"]:
        return await _account(arguments, context, request)
    base, _, sub = request.resource.partition("/")
    attributes = {
        "namespace": request.namespace,
        "verb": request.verb,
        "group": request.group,
        "resource": base,
        "subresource": sub,
        "name": request.name,
    }
    body = (
        {"nonResourceAttributes": {"path": request.path, "verb": request.verb}}
        if request.path
        else {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
    )
    status = await live(context, "asking for one's own rights").may_i(body)
    is_allowed, why = bool(status.get("allowed")), str(status.get("reason") or "")
    verdict = "yes" if is_allowed else "no"
    text = f"{verdict}: you may {'' if is_allowed else 'not '}{_words(request)}{f' ({why})' if why else ''}"
    return ToolOutput(text=text, data={"allowed": is_allowed, "reason": why})


async def _request(arguments: Mapping[str, Any], context: ToolContext) -> rbac.Request:
    verb, what = arguments["verb"].lower(), arguments["resource"]
    namespace = namespace_of(arguments, context) or ""
    if what.startswith("/"):
        return rbac.Request(user="", verb=verb, path=what)
    word, _, rest = what.partition("/")
    if word in ("*", "all"):
        return rbac.Request(user="", verb=verb, resource="*", group="*", namespace=namespace)
    kind = await kind_of(context, word)
    sub = arguments["subresource"] or (rest if rest in _SUBRESOURCES else "")
    return rbac.Request(
        user="",
        verb=verb,
        resource=f"{kind.plural}/{sub}" if sub else kind.plural,
        group=kind.group,
        namespace=namespace if kind.is_namespaced else "",
        name=arguments["name"] or (rest if rest not in _SUBRESOURCES else ""),
    )


_SUBRESOURCES = ("log", "exec", "attach", "portforward", "proxy", "status", "scale", "eviction", "token", "binding")


async def _account(arguments: Mapping[str, Any], context: ToolContext, request: rbac.Request) -> ToolOutput:
    given = arguments["service_account"].removeprefix("system:serviceaccount:").replace(":", "/")
    place, slash, name = given.rpartition("/")
    namespace = place if slash and place not in ("sa", "serviceaccount", "serviceaccounts") else request.namespace
    snapshot = await picture(context, namespace or None, _KINDS)
    if request.namespace and request.namespace != namespace:
        snapshot = snapshot.joined(await picture(context, request.namespace, _KINDS)) if _is_live(context) else snapshot
    namespace = namespace or _only_place(snapshot, name)
    _require_account(snapshot, namespace, name)
    asked = rbac.Request(
        user=rbac.user_of(namespace, name),
        verb=request.verb,
        resource=request.resource,
        group=request.group,
        namespace=request.namespace,
        name=request.name,
        path=request.path,
    )
    who = f"ServiceAccount {namespace}/{name}"
    granted = list(_granted(snapshot, asked))
    if granted:
        lines = [f"yes: {who} may {_words(asked)}", *(f"- {line}" for line in granted)]
        return ToolOutput(text="\n".join(lines), evidence=evidence_in(granted), data={"allowed": True})
    lack = lack_of(snapshot, asked)
    if lack is None or not rbac.was_read(snapshot, asked.namespace):
        text = f"unknown: no rule that could be read lets {who} {_words(asked)}, but not all of RBAC could be read"
        return ToolOutput(text=text, data={"allowed": None})
    why = _lack(lack)
    commands = [f"  {item.effect}: {item.title}: {item.command}" for item in remedies(snapshot, lack, (asked,))]
    lines = [f"no: {who} may not {_words(asked)}", f"- {why}", *commands]
    return ToolOutput(
        text="\n".join(lines), evidence=evidence_in([why]), data={"allowed": False, "reason": lack.reason}
    )


def _is_live(context: ToolContext) -> bool:
    return not isinstance(context.source, Snapshot)


def _only_place(snapshot: Snapshot, name: str) -> str:
    places = sorted(item.namespace for item in snapshot.all(ServiceAccount) if item.name == name)
    if len(places) != 1:
        hint = f"name it as NAMESPACE/{name}{f', such as {places[0]}/{name}' if places else ''}"
        raise NotFoundError(f"{len(places)} namespaces have a ServiceAccount {name!r}", hint=hint)
    return places[0]


def _require_account(snapshot: Snapshot, namespace: str, name: str) -> None:
    is_known = snapshot.get(ServiceAccount, namespace, name) is not None
    if not is_known and snapshot.was_read(ServiceAccount, namespace):
        names = [item.name for item in snapshot.in_namespace(ServiceAccount, namespace)]
        hint = nearest(name, names, of="serviceaccounts")
        raise NotFoundError(f"there is no ServiceAccount {name!r} in namespace {namespace}", hint=hint)


def _words(request: rbac.Request) -> str:
    name = f" {request.name}" if request.name else ""
    return f"{request.verb} {request.what}{name} {request.place if not request.path else ''}".rstrip()


def _granted(snapshot: Snapshot, request: rbac.Request) -> Iterator[Said]:
    """The bindings that allow it, each with the rule that does."""
    for binding in rbac.bindings_in(snapshot, request.namespace):
        role = rbac.role_of(snapshot, binding)
        if role is None or not rbac.is_bound(binding, request):
            continue
        rule = next((item for item in role.rules if rbac.allows(item, request)), None)
        if rule is not None:
            said = f"{_ref(snapshot, binding)} gives {snapshot.ref(role)}: {rule_excerpt(rule)}"
            evidence = Evidence.of(snapshot.ref(role), "spec", said, locator="rules")
            yield Said(text=said, evidence=evidence)


def _ref(snapshot: Snapshot, binding: RoleBinding | ClusterRoleBinding) -> str:
    return str(snapshot.ref(binding))


def _lack(lack: Lack) -> Said:
    return Said(text=lack.words, evidence=Evidence.of(lack.ref, "spec", lack.words, locator="rules"))


plugin = ToolPlugin(
    spec=ToolSpec(
        name="can_i",
        description=(
            "Tells whether you, or a ServiceAccount, may do something (RBAC), by which role, or what is missing and "
            "how to give it."
        ),
        parameters={
            "type": "object",
            "properties": {
                "verb": {"type": "string", "description": "Such as get, list, watch, create, update, patch, delete."},
                "resource": {
                    "type": "string",
                    "description": "The kind, such as pods, deployments.apps or pods/log; or a path such as /metrics.",
                },
                "namespace": NAMESPACE,
                "name": {"type": "string", "default": "", "description": "One object's name; left out: all of them."},
                "subresource": {"type": "string", "default": "", "description": "Such as log, scale or status."},
                "service_account": {
                    "type": "string",
                    "default": "",
                    "description": "NAME or NAMESPACE/NAME of the ServiceAccount to ask about; left out: yourself.",
                },
            },
            "required": ["verb", "resource"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=rights(_KINDS),
)
