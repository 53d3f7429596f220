"""Where the model's root cause is not the analyzers' first, both are shown; where they agree, nothing is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeagentix.domain.answers import Answer, Claim
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis, ResourceRef, Severity, Target
from kubeagentix.engine.answers import disagreements, read_answer

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def ref(kind: str, name: str) -> ResourceRef:
    return ResourceRef(kind=kind, namespace="shop", name=name)


SECRET, WEB, POD = ref("Secret", "db-password"), ref("Deployment", "web"), ref("Pod", "web-5d4f-x2x")
POLICY, CART, SERVICE = ref("NetworkPolicy", "deny-all"), ref("Deployment", "cart"), ref("Service", "web")


def finding(about: ResourceRef, seen_on: ResourceRef, reason: str) -> Finding:
    return Finding.of(
        analyzer="test",
        reason=reason,
        ref=about,
        title=reason,
        severity=Severity.CRITICAL,
        confidence=0.9,
        cause="c",
        evidence=(Evidence.of(seen_on, "event", reason),),
    )


MISSING = finding(SECRET, POD, "FailedMount/SecretNotFound")
SHORT = finding(WEB, WEB, "MinimumReplicasUnavailable")
DENIED = finding(POLICY, CART, "Denied")
CUT_OFF = finding(CART, CART, "ConnectionRefused")


def hypothesis(title: str, *findings: Finding, confidence: float) -> Hypothesis:
    return Hypothesis(
        id=title,
        title=title,
        summary=title,
        confidence=confidence,
        root=findings[0].ref,
        findings=tuple(item.id for item in findings),
    )


def diagnosis(*hypotheses: Hypothesis) -> Diagnosis:
    return Diagnosis(
        id="d-1",
        target=Target(namespace="shop"),
        cluster="test",
        hypotheses=hypotheses,
        findings=(MISSING, SHORT, DENIED, CUT_OFF),
        gaps=(),
        started_at=AT,
        finished_at=AT,
    )


FIRST = hypothesis("The Secret db-password does not exist", MISSING, SHORT, confidence=0.92)
SECOND = hypothesis("The policy deny-all cuts cart off", DENIED, CUT_OFF, confidence=0.7)
FOUND = diagnosis(FIRST, SECOND)
OTHER = Evidence.of(ref("Node", "node-7"), "status", "memory pressure")


def answer(root_cause: str, *evidence: Evidence) -> Answer:
    ids = tuple(item.id for item in evidence)
    return Answer(root_cause=root_cause, hypotheses=(Claim(title=root_cause, evidence=ids),))


@pytest.mark.parametrize(
    "given_answer",
    [
        answer("The Secret is missing.", *MISSING.evidence),
        answer("secret/db-password is not there, so web cannot start."),
        answer("The mount fails for want of `db-password`."),
        answer("web is short of replicas.", *SHORT.evidence),
        answer("Pod web-5d4f-x2x waits for a volume."),
        answer("Something is missing."),
        answer(""),
        answer("The Secret db-password is missing, and the policy deny-all is too strict.", *DENIED.evidence),
    ],
)
def test_the_same_object_or_what_it_is_seen_by_is_agreement(given_answer: Answer) -> None:
    assert disagreements(given_answer, FOUND) == ()


@pytest.mark.parametrize(
    "given_answer",
    [
        answer("A policy cuts it off.", *DENIED.evidence),
        answer("The NetworkPolicy deny-all forbids it."),
        answer("deny-all keeps web from its database.", *SHORT.evidence),
    ],
)
def test_the_root_of_another_hypothesis_is_told_with_its_rank(given_answer: Answer) -> None:
    (told,) = disagreements(given_answer, FOUND)
    assert told == (
        "The model holds “The policy deny-all cuts cart off” (NetworkPolicy shop/deny-all, 70%) to be the root cause, "
        "which the analyzers rank number 2; the analyzers' first hypothesis is “The Secret db-password does not exist” "
        "(Secret shop/db-password, 92%)."
    )


def test_another_object_is_told_with_both_sides() -> None:
    (told,) = disagreements(answer("The node is short of memory.", OTHER), FOUND, {OTHER.id: OTHER})
    assert told.startswith("The model's root cause (The node is short of memory) is about Node shop/node-7; ")
    assert "“The Secret db-password does not exist” (Secret shop/db-password, 92%)" in told


def test_evidence_of_a_lesser_claim_decides_nothing() -> None:
    lesser = Claim(title="or a policy", evidence=tuple(item.id for item in DENIED.evidence))
    first = answer("The Secret is missing.", *MISSING.evidence)
    assert disagreements(Answer(root_cause="x", hypotheses=(*first.hypotheses, lesser)), FOUND) == ()


def test_a_model_that_finds_nothing_wrong_differs_from_findings() -> None:
    (told,) = disagreements(answer("Everything is healthy."), FOUND)
    assert told.startswith("The model finds nothing wrong (Everything is healthy); ")
    assert disagreements(answer("Nothing is wrong."), diagnosis()) == ()


def test_a_cause_where_the_analyzers_have_none_is_told() -> None:
    assert disagreements(answer("The node is short of memory.", OTHER), diagnosis(), {OTHER.id: OTHER}) == (
        "The model names a root cause (The node is short of memory); the analyzers found none.",
    )
    assert disagreements(answer("I cannot tell."), diagnosis()) == ()


def test_of_namesakes_the_kind_that_is_named_is_meant() -> None:
    service = finding(SERVICE, SERVICE, "NoEndpoints")
    about_service = hypothesis("The Service web has no endpoints", service, confidence=0.9)
    both = Diagnosis(
        id="d-1",
        target=Target(),
        cluster="test",
        hypotheses=(hypothesis("Deployment", SHORT, confidence=0.9), about_service),
        findings=(SHORT, service),
        gaps=(),
        started_at=AT,
        finished_at=AT,
    )
    assert disagreements(answer("The Deployment web has too few replicas."), both) == ()
    assert len(disagreements(answer("The service web selects nothing."), both)) == 1
    assert disagreements(answer("web is broken."), both) == ()


def test_a_long_root_cause_is_quoted_in_part() -> None:
    (told,) = disagreements(answer("deny-all " + "x" * 5000 + "\n\n", OTHER), diagnosis(FIRST), {OTHER.id: OTHER})
    assert len(told) < 600


@settings(max_examples=200, deadline=None)
@given(st.text() | st.lists(st.sampled_from(["db-password", "deny-all", "web", ".", "Secret ", "\n"])).map(" ".join))
def test_no_text_is_an_error(text: str) -> None:
    disagreements(answer(text), FOUND)
    read = read_answer(text, {})
    if read is not None:
        disagreements(read, FOUND)
