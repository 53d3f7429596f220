"""Answers that are too long: the structured short form first, then head and tail, and never more than allowed."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.toolkit.reducing import fit

LINES = "\n".join(f"line {number}" for number in range(1000))


def test_what_fits_is_left_as_it_is() -> None:
    assert fit(ToolOutput(text="all well", short="well"), 8, "r1") == ("all well", False)


def test_the_short_form_goes_before_cutting() -> None:
    text, is_truncated = fit(ToolOutput(text=LINES, short="a table of 1000"), 300, "r7")
    assert is_truncated
    assert text.startswith("a table of 1000\n[shortened from 8,889 characters; ")
    assert 'search_result(result_id="r7"' in text


def test_head_and_tail_are_kept_in_whole_lines_with_what_is_missing() -> None:
    text, is_truncated = fit(ToolOutput(text=LINES), 1000, "r1")
    assert is_truncated
    head, note, tail = re.split(r"\n(\[….*…\])\n", text)
    assert LINES.startswith(head + "\n")
    assert LINES.endswith("\n" + tail)
    first, last = int(head.split()[-1]), int(tail.split()[1])
    assert f"after line {first + 1};" in note
    assert f"{last - first - 1:,} lines, " in note
    assert len(head) > len(tail)


def test_a_short_form_that_is_itself_too_long_is_cut() -> None:
    text, _ = fit(ToolOutput(text=LINES * 2, short=f"short\n{LINES}"), 1000, "r1")
    assert text.startswith("short\nline 0")


def test_one_long_line_is_cut_within() -> None:
    text, is_truncated = fit(ToolOutput(text="a" * 5000 + "z"), 500, "r1")
    assert is_truncated
    assert text.startswith("aaa")
    assert text.endswith("az")


@given(st.text(alphabet="ab\n", max_size=3000), st.text(alphabet="ab\n", max_size=400), st.integers(0, 1500))
def test_it_never_exceeds_its_share(text: str, short: str, max_chars: int) -> None:
    shown, is_truncated = fit(ToolOutput(text=text, short=short), max_chars, "r1")
    assert len(shown) <= max_chars
    assert is_truncated == (shown != text)
