"""The line that moves on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from kubeagentix.cli.progress import describe, progress, told
from kubeagentix.domain.diagnosis import Finding, ResourceRef, Severity
from kubeagentix.domain.events import PartialFindings, StageChanged


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def findings(count: int) -> tuple[Finding, ...]:
    return tuple(
        Finding.of(
            analyzer="a",
            reason="R",
            ref=ResourceRef(kind="Pod", namespace="shop", name=f"web-{number}"),
            title="is \x1b[31mnot ready",
            severity=Severity.WARNING,
            confidence=0.5,
            cause="c",
            evidence=(),
        )
        for number in range(count)
    )


def test_objects_are_counted_where_they_are_read() -> None:
    event = StageChanged(stage="collect", done=7, total=29, detail="pods", items=143)
    assert describe(event) == "collect 7/29: 143 pods"
    assert describe(StageChanged(stage="connect", done=1, total=1, detail="v1.34.1")) == "connect: v1.34.1"


def test_what_is_sure_so_far_is_a_few_lines_without_control_characters() -> None:
    lines = told(PartialFindings(findings=findings(20), more=5)).split("\n")
    assert lines[0].startswith("warning Pod shop/web-0: is ")
    assert (len(lines), lines[-1]) == (9, "… and 17 more so far")
    assert "\x1b" not in "".join(lines)
    assert len(told(PartialFindings(findings=findings(2))).split("\n")) == 2


def test_it_is_seen_while_the_stages_go_on_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress() as listen:
        listen(PartialFindings(findings=findings(1)))
        listen(StageChanged(stage="logs", done=1, total=2))
        while "logs 1/2" not in screen.getvalue():  # drawn on a thread of its own, some times a second
            pass
        drawn = screen.getvalue()
    assert drawn.index("logs 1/2") < drawn.rindex("Pod shop/web-0")
    assert screen.getvalue().endswith(("\x1b[2K", "\x1b[?25h"))
