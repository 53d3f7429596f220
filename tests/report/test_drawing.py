"""A drawing says the end of a reason that is too long for its box, and the whole of a name in its tooltip."""

from __future__ import annotations

from kubeagentix.domain.diagnosis import ResourceRef, Severity
from kubeagentix.report.chain import Chain, Node
from kubeagentix.report.drawing import draw


def drawn(name: str, reason: str) -> str:
    ref = ResourceRef(kind="Deployment", namespace="shop", name=name)
    return draw(Chain(nodes=(Node(ref=ref, reason=reason, title="t", severity=Severity.CRITICAL),), edges=()))


def test_a_short_reason_is_whole_and_needs_no_tooltip() -> None:
    assert ">CrashLoopBackOff/ConnectionRefused <" in drawn("web", "CrashLoopBackOff/ConnectionRefused")
    assert "<title>" not in drawn("web", "CrashLoopBackOff/ConnectionRefused")


def test_of_a_long_reason_the_refinement_is_kept() -> None:
    assert ">…/ConfigMapKeyNotFound <" in drawn("web", "CreateContainerConfigError/ConfigMapKeyNotFound")


def test_a_name_that_is_cut_is_whole_in_the_tooltip() -> None:
    name = "a-name-of-many-words-" * 3
    assert f"<title>(Deployment shop/{name}: t) </title>" in drawn(name, "NotReady")
