"""The overview fits the width that it is given, and cuts no name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubeagentix.domain.diagnosis import Diagnosis, Finding, Hypothesis, ResourceRef, Severity, Target
from kubeagentix.report.overview import overview

AT = datetime(2026, 1, 15, tzinfo=UTC)


def diagnosis(*names: str, severity: Severity = Severity.CRITICAL) -> Diagnosis:
    refs = [ResourceRef(kind="Job", namespace="shop", name=name) for name in names]
    findings = tuple(
        Finding.of(
            analyzer="a",
            reason="ImagePullBackOff/TagNotFound",
            ref=ref,
            title="",
            severity=severity,
            confidence=1,
            cause="",
            evidence=(),
        )
        for ref in refs
    )
    hypotheses = tuple(
        Hypothesis(
            id=f"h-{ref.name}",
            title=f"{ref}: its image has a tag that nobody has ever pushed to that registry",
            summary="",
            confidence=0.9,
            root=ref,
            findings=(finding.id,),
        )
        for ref, finding in zip(refs, findings, strict=True)
    )
    return Diagnosis(
        id="d",
        target=Target(),
        cluster="",
        hypotheses=hypotheses,
        findings=findings,
        gaps=(),
        started_at=AT,
        finished_at=AT,
    )


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            97,
            [
                "  #  sure  severity  root cause    reason                        what is wrong",
                "  1  90 %  critical  Job shop/web  ImagePullBackOff/TagNotFound  its image has a tag that nobody…",
            ],
        ),
        (
            80,
            [
                "  #  sure  severity  root cause    reason",
                "  1  90 %  critical  Job shop/web  ImagePullBackOff/TagNotFound",
            ],
        ),
        (50, ["  1  90 %  critical  Job shop/web", "                     ImagePullBackOff/TagNotFound"]),
        (32, ["1 Job shop/web", "  90 %  critical", "  ImagePullBackOff/TagNotFound"]),
    ],
)
def test_it_takes_the_room_it_is_given(width: int, lines: list[str]) -> None:
    told = [line.text for line in overview(diagnosis("web"), width)]
    assert told == lines
    assert max(map(len, told)) <= width


@pytest.mark.parametrize("width", [30, 60, 100, 200])
def test_the_severity_stands_where_its_mark_says(width: int) -> None:
    marked = [line for line in overview(diagnosis("web", "api", severity=Severity.WARNING), width) if line.severity]
    assert [line.text[line.start : line.end] for line in marked] == ["warning", "warning"]


@pytest.mark.parametrize("width", [20, 80, 160])
def test_a_long_name_is_never_cut(width: int) -> None:
    name = "a-very-long-name-" * 6
    assert any(f"shop/{name}" in line.text for line in overview(diagnosis(name, "web"), width))
