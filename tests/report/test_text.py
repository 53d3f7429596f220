"""Foreign text loses what steers a terminal, and nothing else."""

from __future__ import annotations

import pytest

from kubeagentix.report.text import clean_block, clean_line


@pytest.mark.parametrize(
    ("foreign", "clean"),
    [
        ("\x1b[1;31mERROR\x1b[0m it", "ERROR it"),
        ("\x9b31mERROR", "ERROR"),
        ("\x1b]8;;http://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1bPq#0;1\x1b\\after", "after"),
        ("\x1b]52;c;aGk=", ""),
        ("\x1bcreset", "reset"),
        ("a\x1b", "a"),
        ("a\x00\x07\x08b\x7f", "ab"),
        ("over\u202egnp.exe\u2069", "overgnp.exe"),
        ("half \ud83d half", "half half"),
        ("Übung 💥 日本 [x] <b>", "Übung 💥 日本 [x] <b>"),
        ("one\r\ntwo\u2028three\tfour", "one two three four"),
    ],
)
def test_a_line(foreign: str, clean: str) -> None:
    assert clean_line(foreign) == clean


def test_a_long_line_is_cut_with_a_sign() -> None:
    assert clean_line("x" * 50, 10) == "x" * 9 + "…"


def test_a_block_keeps_its_lines_and_indents() -> None:
    assert clean_block("\n  a:\r\n    b\x1b[0m \r progress\n\n") == "  a:\n    b\n progress"


def test_a_long_block_says_how_much_is_missing() -> None:
    assert clean_block("\n".join("abc"), max_lines=2) == "a\nb\n… 1 more lines"
    assert clean_block("x" * 50, max_chars=10) == "x" * 10 + "…"


def test_a_short_block_is_whole() -> None:
    assert clean_block("a\nb", max_lines=2, max_chars=3) == "a\nb"
