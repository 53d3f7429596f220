"""What a change would do, before anybody is asked: one's rights, the API server's own dry run, the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain.changes import Change
from kubeagentix.errors import ApiError, NotPermittedError, StaleChangeError, UsageError, excerpt
from kubeagentix.redaction import PLACEHOLDER
from kubeagentix.toolkit.differences import comparable, diff, differences, fields
from kubeagentix.toolkit.unseen import check_outcome, check_sent

MAX_DIFF_CHARS = 30_000  # more than that nobody reads before saying yes
DELETED_LINES = 60  # of an object that would go: enough to know it by
_MARK = PLACEHOLDER.partition("{")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A change with what it would do: `diff` to be shown, `fields` that differ, and the differences themselves."""

    change: Change
    diff: str
    fields: frozenset[str]
    differences: tuple[tuple[str, Any, Any], ...] = field(repr=False)  # unmasked: to be compared, never shown

    @property
    def is_nothing(self) -> bool:
        """Whether everything is already as the change would make it."""
        return not self.differences


async def rehearse(cluster: Cluster, change: Change, mask: Callable[[str], str]) -> Rehearsal:
    """What `change` would do now. Raises NotPermittedError, StaleChangeError, ClusterError and its kin."""
    if _MARK in change.body:
        hint = "leave what is masked as it is: patch other fields only"
        raise UsageError(f"{change.summary} would write a placeholder ({_MARK}…]) over a credential", hint=hint)
    check_sent(change)
    await _check_rights(cluster, change)
    before = await _now(cluster, change)
    after = await cluster.rehearse(change)
    check_outcome(change, before, after)
    old, new = comparable(before), {} if change.is_delete else comparable(after)
    found = tuple(differences(old, new))
    paths = frozenset(fields(old, new))
    if (
        before is not None
        and not change.is_delete
        and any(path.startswith("metadata.ownerReferences") for path in paths)
    ):
        what = f"{change.summary} would change its owner, and an object whose owner is not there is deleted"
        raise UsageError(what, hint="a person does that")
    shown = _cut(change, diff(old, new, mask))
    if found and not shown:
        shown = f"(blanks only, in {', '.join(sorted(paths))})"
    return Rehearsal(change=change, diff=shown, fields=paths, differences=found)


async def _check_rights(cluster: Cluster, change: Change) -> None:
    for right in change.rights:
        status = await cluster.may_i({"resourceAttributes": right})
        if not status.get("allowed"):
            resource = "/".join(filter(None, (right["resource"], right.get("subresource", ""))))
            where = f" in namespace {change.ref.namespace}" if change.ref.namespace else ""
            why = f" ({excerpt(str(status['reason']), 120)})" if status.get("reason") else ""
            what = f"you may not {right['verb']} {resource} {change.ref.name}{where}{why}"
            raise NotPermittedError(what, hint="ask whoever administers the cluster; can_i tells what is missing")


async def _now(cluster: Cluster, change: Change) -> Mapping[str, Any] | None:
    """The object as it is, which must be the one that is meant."""
    found: Mapping[str, Any] | None
    try:
        found = await cluster.get_json(change.path)
    except ApiError as error:
        if error.status != 404:
            raise
        found = None
    uid = str(((found or {}).get("metadata") or {}).get("uid") or "")
    if uid == change.ref.uid:
        return found
    what = "is there now" if not change.ref.uid else "is gone" if found is None else "is another one by now"
    raise StaleChangeError(f"{change.ref} {what}: nothing was done", hint="look at it again")


def _cut(change: Change, text: str) -> str:
    lines = text.split("\n")
    if change.is_delete and len(lines) > DELETED_LINES:
        return "\n".join([*lines[:DELETED_LINES], f"… and {len(lines) - DELETED_LINES} more lines of it"])
    if len(text) > MAX_DIFF_CHARS and not change.is_delete:
        what = f"{change.summary} changes more than anybody can look through ({len(lines)} lines)"
        raise UsageError(what, hint="make several smaller changes of it")
    return text
