"""How lint words what it has seen."""

from __future__ import annotations

from kubeagentix.analysis.advice import REMARKS_SHOWN, Remark, advice
from kubeagentix.domain.diagnosis import ResourceRef, Severity

REF = ResourceRef(kind="Deployment", namespace="shop", name="web")


def test_advice_is_info_with_all_that_was_seen() -> None:
    remarks = [Remark(seen=f"c{number} is bad", locator=f"spec.c{number}") for number in range(REMARKS_SHOWN + 2)]
    made = advice("mine", "Bad", REF, title="bad things", why="Mend them.", remarks=remarks)
    assert (made.reason, made.severity, made.title) == ("Lint/Bad", Severity.INFO, "Deployment shop/web: bad things")
    assert made.cause.startswith("c0 is bad; c1 is bad; ")
    assert made.cause.endswith("c11 is bad and 2 more. Mend them.")
    assert [item.locator for item in made.evidence] == [item.locator for item in remarks]
