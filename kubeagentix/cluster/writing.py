"""The one place from which a cluster is changed: in a dry run, or for good with an approval, which is spent by it.

A change is sent once. Where no answer comes nobody knows whether it was made, and the error says so: to send it again
could make it twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from kubeagentix.cluster.client import ATTEMPTS, JSON, Answer, Client, Deadline, Sent
from kubeagentix.domain.changes import ApprovedChange, Change
from kubeagentix.errors import ApiError, ClusterError, ForbiddenError, UnauthorizedError, UnreachableError, excerpt

FIELD_MANAGER = "kubeagentix"
MAX_CAUSES = 5
_METHODS: Mapping[str, Literal["PATCH", "DELETE"]] = {"patch": "PATCH", "delete": "DELETE"}


async def rehearse(client: Client, change: Change, deadline: Deadline) -> Mapping[str, Any]:
    """The object as a dry run leaves it. It may be asked for several times. Raises ClusterError and its kin."""
    params = {**_params(change), "dryRun": "All"}
    # A deletion's options are in its body, and then the query does not count: the dry run would be none.
    body = json.dumps({**json.loads(change.body or "{}"), "dryRun": ["All"]}) if change.is_delete else change.body
    what = f"what it would mean to {_words(change)}"
    sent = _sent(change, body)
    answer = await client.ask(change.path, params, what=what, deadline=deadline, attempts=ATTEMPTS, sent=sent)
    return _object(answer, change, "cannot")


async def perform(client: Client, approved: ApprovedChange, deadline: Deadline) -> Mapping[str, Any]:
    """Makes the change. Raises ApprovalError where the approval is spent, ClusterError and its kin."""
    change = approved.spend()
    words = _words(change)
    try:
        answer = await client.ask(
            change.path,
            _params(change),
            what="what came of it",
            deadline=deadline,
            attempts=1,
            sent=_sent(change, change.body),
        )
    except UnreachableError as error:
        hint = "whether it was done is not known: look at the object before anything else"
        raise ClusterError(f"no answer to the request to {words}: {error.message}", hint=hint) from error
    return _object(answer, change, "could not")


def _params(change: Change) -> dict[str, str | int]:
    by = {} if change.is_delete else {"fieldManager": FIELD_MANAGER}
    return {**by, **dict(change.params)}


def _sent(change: Change, body: str) -> Sent:
    return Sent(method=_METHODS[change.verb], body=body.encode(), media_type=change.media_type or JSON)


def _words(change: Change) -> str:
    return f"{change.verb} {change.ref}{f' ({change.subresource})' if change.subresource else ''}"


def _object(answer: Answer, change: Change, cannot: str) -> Mapping[str, Any]:
    what = f"{cannot} {_words(change)}"
    if answer.status not in (200, 201, 202):
        raise _refusal(answer, what, change)
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError(f"{what}: the answer is not the JSON of a Kubernetes API server", status=answer.status)
    return found


def _refusal(answer: Answer, what: str, change: Change) -> ClusterError:
    """The error that an answer stands for, on one line, with the fields that it names."""
    said = f"{what}: {answer.status} {answer.message}".rstrip()
    match answer.status:
        case 401:
            hint = "the credential is not accepted (any more); log in again"
            return UnauthorizedError(f"{what}: 401 Unauthorized", hint=hint)
        case 403:
            return ForbiddenError(said, hint=f"ask for {change.verb} on {change.resource}, if it is a question of RBAC")
        case 404:
            return ApiError(said, status=404, hint="it, its namespace or its kind is not there (any more)")
        case 409:
            hint = "it was changed meanwhile, or others own these fields: look again before another try"
            return ApiError(f"{said}{_causes(answer)}", status=409, hint=hint)
        case 429:
            return ApiError(f"{what}: 429 {answer.message}", status=429, hint="nothing was done; try again later")
        case _:
            return ApiError(f"{said}{_causes(answer)}", status=answer.status)


def _causes(answer: Answer) -> str:
    """What a Status names in its details and does not say in its message."""
    try:
        causes = json.loads(answer.body)["details"]["causes"]
        told = [f"{item.get('field', '')}: {item.get('message', '')}".strip(": ") for item in causes]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    fresh = [excerpt(item, 160) for item in told if item.rpartition(": ")[2] not in answer.message]
    return f" ({'; '.join(fresh[:MAX_CAUSES])})" if fresh else ""
