"""Starts all pods of a workload anew, by its own update strategy, as `kubectl rollout restart` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.errors import UsageError
from kubeagentix.toolkit.changing import WHAT, changing, meant, patch_of, require_kind, write_tool

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
# Source: staging/src/k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One patch of the pod template's annotation."""
    found = await meant(arguments, context)
    require_kind(found, *_KINDS)
    if (found.raw.get("spec") or {}).get("paused"):
        raise UsageError(f"{found.ref} is paused, so that a restart would have no effect", hint="resume it first")
    stamp = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    template = {"metadata": {"annotations": {_RESTARTED: stamp}}}
    return [patch_of(found, {"spec": {"template": template}}, f"restart the pods of {found.ref}")]


plugin = write_tool(
    "restart_rollout",
    "Restarts all pods of a Deployment, StatefulSet or DaemonSet, a few at a time, by its update strategy. The user is "
    "asked first.",
    WHAT,
    ("name",),
    prepare,
    rights=changing(_KINDS, "patch"),
)
