"""The namespaces, and how many pods of each are not ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.rights import EVERYWHERE
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.toolkit.places import namespaces_in, now_of, picture
from kubeagentix.toolkit.wording import age, table

_KINDS = (Namespace.kind, Pod.kind)


async def handle(_: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """One row per namespace."""
    snapshot = await picture(context, None, _KINDS)
    pods = Counter(pod.namespace for pod in snapshot.all(Pod) if not pod.is_finished)
    unready = Counter(pod.namespace for pod in snapshot.all(Pod) if not pod.is_finished and not pod.is_ready)
    known = {item.name: item for item in snapshot.all(Namespace)}
    now = now_of(context)
    rows, data = [], []
    for name in sorted(namespaces_in(snapshot)):
        item = known.get(name)
        status = item.status.phase if item is not None else ""
        made = age(item.metadata.creation_timestamp, now) if item is not None else ""
        rows.append((name, status, str(pods[name]), str(unready[name]), made))
        data.append({"name": name, "status": status, "pods": pods[name], "unready": unready[name]})
    gaps = "".join(f"\nnot read: {gap.what}: {gap.why}" for gap in snapshot.gaps if gap.kind in _KINDS)
    text = table(("NAMESPACE", "STATUS", "PODS", "NOT READY", "AGE"), rows) + gaps
    troubled = [row for row in rows if row[3] != "0" or row[1] == "Terminating"]
    others = sorted(row[0] for row in rows if row not in troubled)
    short = f"{table(('NAMESPACE', 'STATUS', 'PODS', 'NOT READY', 'AGE'), troubled)}\nothers: {', '.join(others)}{gaps}"
    return ToolOutput(text=text, data=data, short=short)


plugin = ToolPlugin(
    spec=ToolSpec(
        name="list_namespaces",
        description="Lists the namespaces of the cluster with their status and how many pods are not ready.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
    ),
    handler=handle,
    rights=rights(_KINDS, namespace=EVERYWHERE),
)
