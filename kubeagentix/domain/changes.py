"""A change to the cluster before it is made: what would be sent, the question whether it may be, and the answer.

A Change is only words. Nothing is sent for good but an ApprovedChange, and there are two ways to one: a person's answer
to the request that showed the change, and a Grant that a person gave with an earlier answer. Each is good for one use,
before it expires.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.messages import ToolCall
from kubeagentix.errors import ApprovalError, UsageError, excerpt

ChangeVerb = Literal["patch", "delete"]  # what is not there is made by a patch of the kind `apply`
Decision = Literal["once", "always", "refused"]

REQUEST_S = 600.0  # a person who was shown a change ten minutes ago no longer knows what it would meet
GRANT_S = 3600.0  # "always for this session" is for one sitting, not for a notebook that is left open over night
DELETING = ("metadata.finalizers", "metadata.ownerReferences")  # fields by which the cluster lets objects go
USE_S = 60.0  # between the answer and the request that it allows there is one more look at the object, no more
_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One request that would change one object. `ref.uid` is that of the object that is there, "" if there is none.

    `path` is the object's in the API, with its subresource; a change of an object that is there names its uid in
    `body`, so that a namesake that took its place is not met.
    """

    ref: ResourceRef
    verb: ChangeVerb
    path: str
    resource: str
    group: str = ""
    subresource: str = ""
    body: str = field(default="", repr=False)
    media_type: str = ""
    params: tuple[tuple[str, str], ...] = ()
    summary: str

    @property
    def is_delete(self) -> bool:
        """Whether it removes the object."""
        return self.verb == "delete"

    @property
    def rights(self) -> tuple[Mapping[str, str], ...]:
        """What one must be allowed, as `resourceAttributes`; an apply of what is not there creates it, too."""
        verbs = ("patch", "create") if self.verb == "patch" and not self.ref.uid else (self.verb,)
        told = {
            "namespace": self.ref.namespace,
            "group": self.group,
            "resource": self.resource,
            "subresource": self.subresource,
            "name": self.ref.name,
        }
        return tuple({"verb": verb, **{key: value for key, value in told.items() if value}} for verb in verbs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAnswer:
    """What somebody said to a request, who it was (`terminal`, `notebook`), and why not."""

    decision: Decision
    by: str
    why: str = ""

    def __post_init__(self) -> None:
        if self.decision not in get_args(Decision):
            hint = f"it is one of {', '.join(get_args(Decision))}"
            raise UsageError(f"{excerpt(repr(self.decision), 40)} is no answer to a request", hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """The question whether a change may be made, as it is shown: `diff` is of the API server's dry run.

    `fields` are the paths that differ. `verb` and `ref` are empty for a tool of one's own, which says nothing of what
    it changes. `may_be_always`: "always for this session" can be said to it.
    """

    id: str
    call: ToolCall
    summary: str
    diff: str
    expires_at: datetime
    ref: ResourceRef | None = None
    verb: str = ""
    subresource: str = ""
    fields: tuple[str, ...] = ()
    may_be_always: bool = False

    @property
    def is_delete(self) -> bool:
        """Whether an object would be gone."""
        return self.verb == "delete"

    def check(self, answer: ApprovalAnswer) -> None:
        """Raises ApprovalError unless the answer is a yes that comes in time."""
        if answer.decision == "refused":
            raise ApprovalError(f"not done: {answer.why or 'the user refused it'}")
        if datetime.now(UTC) >= self.expires_at:
            raise ApprovalError("not done: the answer came after the request had expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change, and the request that shows it: what the side that makes changes has, and front ends never see."""

    request: ApprovalRequest
    change: Change

    @classmethod
    def of(
        cls, change: Change, call: ToolCall, *, request_id: str, summary: str, diff: str, fields: Iterable[str]
    ) -> Proposal:
        """The proposal to make this change; it can be approved for a session if the object is there and stays."""
        paths = tuple(sorted(fields))
        request = ApprovalRequest(
            id=request_id,
            call=call,
            summary=summary,
            diff=diff,
            expires_at=expiry(),
            ref=change.ref,
            verb=change.verb,
            subresource=change.subresource,
            fields=paths,
            may_be_always=not change.is_delete and bool(change.ref.uid) and not any(map(is_deleting, paths)),
        )
        return cls(request=request, change=change)

    def approved(self, answer: ApprovalAnswer) -> ApprovedChange:
        """The change, to be made once. Raises ApprovalError unless the answer is a yes that comes in time."""
        self.request.check(answer)
        return ApprovedChange(self.change, by=answer.by, seal=_SEAL)


def is_deleting(path: str) -> bool:
    """Whether a field decides if its object is deleted: what only waits for its finalizers, what has lost its owner."""
    return path.startswith(DELETING)


def expiry() -> datetime:
    """When a request that is made now is no longer good."""
    return datetime.now(UTC) + timedelta(seconds=REQUEST_S)


class ApprovedChange:
    """A change that a person has approved: for one use, within a minute. Only a request or a grant can make one."""

    __slots__ = ("_expires_at", "_is_spent", "by", "change")

    def __init__(self, change: Change, *, by: str, seal: object) -> None:
        if seal is not _SEAL:
            raise ApprovalError("an approved change comes from an approval only")
        self.change = change
        self.by = by
        self._expires_at = datetime.now(UTC) + timedelta(seconds=USE_S)
        self._is_spent = False

    def spend(self) -> Change:
        """The change, the first time. Raises ApprovalError afterwards, and when it has expired."""
        if self._is_spent:
            raise ApprovalError("this approval has been used")
        self._is_spent = True
        if datetime.now(UTC) >= self._expires_at:
            raise ApprovalError("this approval has expired")
        return self.change


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What "always for this session" covers: the same tool, on the same object, on no field that was not shown then."""

    tool: str
    ref: ResourceRef
    resource: tuple[str, str, str]  # group, resource and subresource
    verb: ChangeVerb
    params: tuple[tuple[str, str], ...]  # an apply that takes over fields of others is more than one that does not
    fields: frozenset[str]
    by: str
    given_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, proposal: Proposal, answer: ApprovalAnswer) -> Grant:
        """The grant that this answer gives. Raises ApprovalError where there can be none."""
        request, change = proposal.request, proposal.change
        request.check(answer)
        if not request.may_be_always or answer.decision != "always":
            raise ApprovalError("this was approved once only")
        now = datetime.now(UTC)
        return cls(
            tool=request.call.name,
            ref=change.ref,
            resource=(change.group, change.resource, change.subresource),
            verb=change.verb,
            params=change.params,
            fields=frozenset(request.fields),
            by=answer.by,
            given_at=now,
            expires_at=now + timedelta(seconds=GRANT_S),
        )

    def approved(self, proposal: Proposal) -> ApprovedChange:
        """The change that it covers, to be made once. Raises ApprovalError where it does not."""
        if not self.covers(proposal):
            raise ApprovalError("what was approved for this session is another change")
        return ApprovedChange(proposal.change, by=self.by, seal=_SEAL)

    def covers(self, proposal: Proposal) -> bool:
        """Whether it allows what is proposed, now."""
        request, change = proposal.request, proposal.change
        return (
            request.may_be_always
            and datetime.now(UTC) < self.expires_at
            and request.call.name == self.tool
            and (change.ref, change.ref.cluster, change.ref.uid) == (self.ref, self.ref.cluster, self.ref.uid)
            and (change.group, change.resource, change.subresource) == self.resource
            and (change.verb, change.params) == (self.verb, self.params)
            and self.fields.issuperset(request.fields)
        )


Approver = Callable[[ApprovalRequest], ApprovalAnswer | Awaitable[ApprovalAnswer]]
