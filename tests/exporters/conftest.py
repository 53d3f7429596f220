"""Diagnoses to export: a small outage, one whose every text is hostile, a healthy one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kubeagentix.domain.diagnosis import (
    Diagnosis,
    Evidence,
    Finding,
    Gap,
    Hypothesis,
    Ignored,
    Remedy,
    ResourceRef,
    Severity,
    Target,
    Term,
)
from kubeagentix.domain.ignoring import IgnoreRule, rule_of

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>"
    "![p](http://evil.example/?a) [l](javascript:alert(3)) www.evil.example\n# H\n```\n"
    "````\n| a | `b` | $\\alpha$ \\(x\\) \"q\" 'q' &amp; %%{init: {'x': 1}}%% **bold** _u_"
    "\x1b[31mred\x1b]0;title\x07\x9b2J\x00\x08\u202eevil\u2066 \U0001f4a5 ünïcode"
)


def ref(kind: str, name: str, namespace: str = "shop") -> ResourceRef:
    return ResourceRef(kind=kind, namespace=namespace, name=name)


def finding(target: ResourceRef, reason: str, text: str = "", *, caused_by: tuple[str, ...] = ()) -> Finding:
    made = Finding.of(
        analyzer="images",
        reason=reason,
        ref=target,
        title=text or f"{target.name} has {reason}",
        severity=Severity.CRITICAL,
        confidence=0.9,
        cause=text or f"because of {reason}",
        evidence=(
            Evidence.of(
                target,
                "event",
                text or f"event says {reason}",
                excerpt=text or f"full words of {reason}\nsecond line",
                locator=text or "Failed",
                observed_at=AT,
            ),
        ),
        remedies=(
            Remedy(title=text or f"mend {target.name}", command=text or f"kubectl edit {target.name}", effect="write"),
            Remedy(title=text or f"look at {target.name}", command=text or f"kubectl get {target.name}", effect="read"),
        ),
    )
    return replace(made, caused_by=caused_by)


def diagnosis_of(*findings: Finding, text: str = "", gaps: tuple[Gap, ...] = ()) -> Diagnosis:
    root = findings[0] if findings else None
    hypotheses = (
        (
            Hypothesis(
                id="h-1",
                title=text or "The image tag does not exist",
                summary=text or "Nobody pushed 1.99.",
                confidence=0.92,
                root=root.ref,
                findings=tuple(item.id for item in findings),
                breakdown=(Term(label=text or "reason", value=0.7), Term(label=text or "event", value=0.22)),
            ),
        )
        if root
        else ()
    )
    return Diagnosis(
        id="d-1",
        target=Target(namespace="shop", kind="Deployment" if text else "", name=text),
        cluster=text or "prod",
        hypotheses=hypotheses,
        findings=findings,
        gaps=gaps,
        notes=(text,) if text else (),
        timings={"collect": 0.5},
        counts={"Pod": 3, "Service": 1, "Node": 0},
        started_at=AT,
        finished_at=AT + timedelta(seconds=1),
    )


@pytest.fixture
def outage() -> Diagnosis:
    """A Pod's image breaks its Deployment, which leaves a Service empty."""
    pod = finding(ref("Pod", "web-1"), "ImagePullBackOff/TagNotFound")
    deployment = finding(ref("Deployment", "web"), "MinimumReplicasUnavailable", caused_by=(pod.id,))
    service = finding(ref("Service", "web"), "NoReadyEndpoints", caused_by=(deployment.id,))
    return diagnosis_of(pod, deployment, service, gaps=(Gap(what="secrets", why="403 Forbidden"),))


@pytest.fixture
def hostile() -> Diagnosis:
    """Every text that may come from a cluster tries to break out."""
    target = ResourceRef(kind=HOSTILE, namespace=HOSTILE, name=HOSTILE)
    first = finding(target, HOSTILE, HOSTILE)
    second = finding(replace(target, name="other" + HOSTILE), HOSTILE, HOSTILE, caused_by=(first.id,))
    annotation = IgnoreRule(reason=(HOSTILE,), why=HOSTILE, source=HOSTILE)
    third = finding(replace(target, name="third" + HOSTILE), HOSTILE, HOSTILE)
    return replace(
        diagnosis_of(first, second, text=HOSTILE, gaps=(Gap(what=HOSTILE, why=HOSTILE),)),
        ignored=(Ignored(rule=annotation, findings=(third,)), Ignored(rule=annotation, is_idle=True)),
    )


def rule(number: int, text: str) -> IgnoreRule:
    return rule_of(text, f"[[ignore]] {number} in config.toml")


@pytest.fixture
def ignoring() -> Diagnosis:
    """Everything that was found is ignored; one more rule is expired, one meets nothing."""
    pod = finding(ref("Pod", "web-1"), "ImagePullBackOff/TagNotFound")
    deployment = finding(ref("Deployment", "web"), "MinimumReplicasUnavailable", caused_by=(pod.id,))
    known = rule(1, "reason=ImagePullBackOff,until=2026-12-31,why=known")
    return replace(
        diagnosis_of(),
        ignored=(
            Ignored(rule=known, findings=(pod,), symptoms=(deployment,)),
            Ignored(rule=rule(2, "reason=OOMKilled,until=2026-01-01"), is_expired=True),
            Ignored(rule=rule(3, "namespace=nowhere"), is_idle=True),
        ),
    )


@pytest.fixture
def healthy() -> Diagnosis:
    """Nothing found, everything read."""
    return diagnosis_of()


@pytest.fixture
def unseen() -> Diagnosis:
    """Nothing found, but not everything read."""
    return diagnosis_of(gaps=(Gap(what="pods in namespace db", why="403 Forbidden for user dev"),))


@pytest.fixture
def huge() -> Diagnosis:
    """A root with a thousand symptoms and a very long log line."""
    root = finding(ref("Node", "n1", ""), "NotReady", "x" * 200_000)
    symptoms = (finding(ref("Pod", f"p-{number}"), "NodeLost", caused_by=(root.id,)) for number in range(1000))
    return diagnosis_of(root, *symptoms)
