"""A Checkup shown: as text of any width, as HTML, as a frame, as JSON."""

from __future__ import annotations

import json

import pytest

from kubeagentix.doctor.results import CheckResult, Checkup
from kubeagentix.doctor.showing import text_of

CHECKUP = Checkup(
    results=(
        CheckResult(check="Python", state="ok", what="Python", seen="3.13.5 (/usr/bin/python3)"),
        CheckResult(check="Clusters", state="failed", what="prod", seen="x " * 80, do="y " * 80, code="refused"),
        CheckResult(check="Clusters", state="not there", what="<b>", seen="nothing", do="a & b"),
    ),
    elapsed_s=0.25,
)


@pytest.mark.parametrize("width", [20, 80, 120])
def test_text_keeps_to_its_width(width: int) -> None:
    assert max(map(len, text_of(CHECKUP, width).splitlines())) <= max(width, 40)


def test_text_has_a_heading_for_each_check_and_the_counts_at_its_end() -> None:
    lines = text_of(CHECKUP, 80).splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "Python",
        "Clusters",
        "1 failed, 1 not there, 1 ok (0.2 s)",
    ]
    assert "  ok         Python: 3.13.5 (/usr/bin/python3)" in lines
    assert "             → a & b" in lines


def test_what_must_be_copied_is_not_broken() -> None:
    path = "/a/very/long/path" * 10
    result = CheckResult(check="a", state="ok", what="kubectl", seen=path)
    assert path in text_of(Checkup(results=(result,), elapsed_s=0), 80)


def test_the_repr_is_the_text_and_the_html_is_escaped() -> None:
    assert repr(CHECKUP) == text_of(CHECKUP)
    html = CHECKUP._repr_html_()
    assert "&lt;b&gt;" in html
    assert "a &amp; b" in html
    assert "<b>:" not in html
    assert html.count(">Clusters<") == 1


def test_json_and_frame_hold_every_result() -> None:
    document = json.loads(CHECKUP.to_json())
    assert (document["schema_version"], document["is_ok"]) == (1, False)
    assert document["counts"] == {"failed": 1, "warning": 0, "not there": 1, "ok": 1}
    assert [item["code"] for item in document["results"]] == ["", "refused", ""]
    frame = CHECKUP.frame()
    assert list(frame.columns) == ["check", "state", "what", "seen", "do"]
    assert list(frame["state"]) == ["ok", "failed", "not there"]


def test_a_warning_is_no_failure() -> None:
    warned = CheckResult(check="a", state="warning", what="b", seen="c")
    assert Checkup(results=(warned,), elapsed_s=0).is_ok
    assert not CHECKUP.is_ok
