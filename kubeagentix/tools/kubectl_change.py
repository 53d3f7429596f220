"""kubectl commands that change one thing: the real kubectl says in a dry run what it would make of the object.

What is approved, and sent, is that difference. kubectl itself is never run without its dry run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.policy import Bounds, KubectlCommand, judge
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.errors import ApiError, ClusterError, UsageError, excerpt
from kubeagentix.toolkit.changing import APPLY, MERGE, changing, write_tool
from kubeagentix.toolkit.differences import comparable
from kubeagentix.toolkit.kinds import kind_of
from kubeagentix.toolkit.kubectl_program import run_kubectl
from kubeagentix.toolkit.places import checked_name, live

# What the dry run does not show as an object, or not as it would be.
_OTHERS = {
    "cordon": "cordon_node",
    "uncordon": "cordon_node",
    "delete": "delete_resource",
    "rollout restart": "restart_rollout",
    "rollout undo": "undo_rollout",
    "scale": "scale_workload",
}
_ALLOCATED = ("clusterIP", "clusterIPs")  # by the API server, anew in each dry run


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One patch per object that kubectl would leave otherwise than it is."""
    cluster = live(context, "kubectl")
    command = _judged(arguments["command"], Bounds(namespace=context.namespace, context=cluster.context))
    ended = await run_kubectl(cluster, context.environ, command.verb.name, command.dry_run)
    if ended.code or ended.is_cut:
        raise ClusterError(f"kubectl {command.verb.name}: {excerpt(ended.stderr) or f'exit code {ended.code}'}")
    objects = list(_objects(ended.stdout, command.verb.name))
    return [await _change(cluster, context, item, command) for item in objects]


def _judged(text: str, bounds: Bounds) -> KubectlCommand:
    """The command, if it is one to be asked about. Raises UsageError that says why it is not."""
    decision = judge(text, bounds)
    if decision.verdict == "refuse" or decision.command is None:
        raise UsageError(decision.why, hint=decision.hint)
    if decision.verdict == "allow":
        raise UsageError(f"kubectl {decision.verb} changes nothing", hint="the tool kubectl runs it")
    if decision.verb in _OTHERS:
        raise UsageError(f"kubectl {decision.verb} has a tool of its own", hint=f"use {_OTHERS[decision.verb]}")
    if decision.command.manifest is not None:
        raise UsageError("manifests are no files here", hint="give the manifest itself to apply_manifest")
    return decision.command


def _objects(text: str, verb: str) -> Iterator[Mapping[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ClusterError(f"kubectl {verb} does not say what it would change") from error
    for item in document.get("items", [document]) if isinstance(document, dict) else ():
        if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict) or not item.get("kind"):
            raise ClusterError(f"kubectl {verb} does not say what it would change")
        yield item


async def _change(cluster: Cluster, context: ToolContext, after: Mapping[str, Any], command: KubectlCommand) -> Change:
    group, _, version = str(after.get("apiVersion", "")).rpartition("/")
    kind = await kind_of(context, f"{after['kind']}.{group}" if group else str(after["kind"]))
    metadata = after["metadata"]
    name, namespace = checked_name(str(metadata.get("name", ""))), str(metadata.get("namespace") or "")
    path = f"{list_path(kind, checked_name(version), namespace or None)}/{name}"
    before = await _now(cluster, path)
    uid = str(((before or {}).get("metadata") or {}).get("uid") or "")
    body = comparable(after)
    if before is not None:
        body = merge_patch(comparable(before), body)
        body["metadata"] = {**(body.get("metadata") or {}), "uid": uid}
    elif isinstance(body.get("spec"), dict) and after["kind"] == "Service":
        body["spec"] = {key: value for key, value in body["spec"].items() if key not in _ALLOCATED or value == "None"}
    ref = ResourceRef(cluster=cluster.context, kind=kind.name, namespace=namespace, name=name, uid=uid)
    return Change(
        ref=ref,
        verb="patch",
        path=path,
        resource=kind.plural,
        group=kind.group,
        body=json.dumps(body),
        media_type=MERGE if before is not None else APPLY,
        summary=f"kubectl {command.verb.name}: {'change' if uid else 'create'} {ref}",
    )


async def _now(cluster: Cluster, path: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await cluster.get_json(path)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return found


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch (RFC 7386) that makes one of the other; lists are replaced as a whole."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if inner := merge_patch(old, value):
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


plugin = write_tool(
    "kubectl_change",
    "Runs a kubectl command that changes one object, for what no other tool does: label, annotate, taint, set "
    "image|env|resources|selector|serviceaccount, patch, autoscale, expose, create …, rollout pause|resume. The user "
    "is asked first.",
    {
        "command": {
            "type": "string",
            "description": "The command, such as kubectl set env deploy/web MODE=slow -n shop.",
        }
    },
    ("command",),
    prepare,
    rights=changing(None, "get", "patch", "create"),
)
