"""Approvals as values: what a yes is good for, how often, how long, and what "always" covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kubeagentix.domain import changes
from kubeagentix.domain.changes import ApprovalAnswer, ApprovedChange, Change, Grant, Proposal
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.messages import ToolCall
from kubeagentix.errors import ApprovalError, UsageError

WEB = ResourceRef(kind="Deployment", namespace="shop", name="web", uid="u1", cluster="prod")
PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
PATCH = Change(ref=WEB, verb="patch", path=PATH, resource="deployments", group="apps", body="{}", summary="patch it")
DELETE = replace(PATCH, verb="delete")
CALL = ToolCall(id="c1", name="patch_resource", arguments={})
ONCE, ALWAYS = ApprovalAnswer(decision="once", by="test"), ApprovalAnswer(decision="always", by="test")
NO = ApprovalAnswer(decision="refused", by="test", why="no")


def proposal(change: Change = PATCH, call: ToolCall = CALL, fields: tuple[str, ...] = ("spec.replicas",)) -> Proposal:
    return Proposal.of(change, call, request_id="a1", summary=change.summary, diff="-a\n+b", fields=fields)


def late(made: Proposal) -> Proposal:
    return replace(made, request=replace(made.request, expires_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_yes_is_good_for_one_use() -> None:
    approved = proposal().approved(ONCE)
    assert approved.spend() is PATCH
    with pytest.raises(ApprovalError, match="has been used"):
        approved.spend()


def test_a_yes_that_is_not_used_at_once_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "USE_S", -1.0)
    with pytest.raises(ApprovalError, match="has expired"):
        proposal().approved(ONCE).spend()


@pytest.mark.parametrize("answer", [ONCE, ALWAYS])
def test_a_no_and_a_late_yes_approve_nothing(answer: ApprovalAnswer) -> None:
    for made, said in ((proposal(), NO), (late(proposal()), answer)):
        with pytest.raises(ApprovalError, match="not done"):
            made.approved(said)
        with pytest.raises(ApprovalError):
            Grant.of(made, said)


def test_only_an_answer_makes_an_approved_change() -> None:
    with pytest.raises(ApprovalError, match="comes from an approval only"):
        ApprovedChange(PATCH, by="me", seal=None)
    with pytest.raises(UsageError, match="is no answer"):
        ApprovalAnswer(decision="yes", by="me")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        proposal(replace(PATCH, ref=replace(WEB, name="api"))),
        proposal(replace(PATCH, ref=replace(WEB, namespace="other"))),
        proposal(replace(PATCH, ref=replace(WEB, uid="u2"))),
        proposal(replace(PATCH, ref=replace(WEB, cluster="test"))),
        proposal(replace(PATCH, subresource="scale")),
        proposal(replace(PATCH, resource="statefulsets")),
        proposal(DELETE),
        proposal(call=replace(CALL, name="scale_workload")),
        proposal(fields=("spec.replicas", "spec.template.spec.hostNetwork")),
    ],
)
def test_always_covers_nothing_but_the_same(other: Proposal) -> None:
    grant = Grant.of(proposal(fields=("spec.paused", "spec.replicas")), ALWAYS)
    assert grant.covers(proposal())
    assert grant.approved(proposal()).spend() is PATCH
    assert not grant.covers(other)
    with pytest.raises(ApprovalError, match="is another change"):
        grant.approved(other)


@pytest.mark.parametrize("change", [DELETE, replace(PATCH, ref=replace(WEB, uid=""))])
def test_a_deletion_and_a_creation_are_never_approved_for_more_than_once(change: Change) -> None:
    made = proposal(change)
    assert not made.request.may_be_always
    with pytest.raises(ApprovalError, match="once only"):
        Grant.of(made, ALWAYS)


def test_an_apply_of_what_is_not_there_needs_the_right_to_create_too() -> None:
    assert [right["verb"] for right in PATCH.rights] == ["patch"]
    assert [right["verb"] for right in replace(PATCH, ref=replace(WEB, uid="")).rights] == ["patch", "create"]
    assert replace(PATCH, subresource="scale").rights[0]["subresource"] == "scale"
