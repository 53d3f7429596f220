"""The table itself: rows are held against the file, in any order, a module at a time; and it writes what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.table import Row, Section, steady


def section(file: Path, *, title: str = "The network", is_written: bool = False) -> Section:
    return Section(title=title, is_written=is_written, file=file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A table with a row of each of two sections."""
    path = tmp_path / "docs" / "faults.md"
    for title in ("The network", "The model"):
        told = section(path, title=title, is_written=True)
        told.row("429 | storm", "dx", "waits <a while>", ended="exit code 0")
        told.row("429 | storm", "chat", "waits", ended="exit code 0")
        told.close(is_whole=True)
    return path


def test_a_row_that_the_file_holds_is_told_in_peace(file: Path) -> None:
    told = section(file)
    told.row("429 | storm", "chat", "waits", ended="exit code 0")
    told.row("429 | storm", "dx", "waits <a while>", ended="exit code 0")
    told.close(is_whole=True)


@pytest.mark.parametrize(("fault", "seen"), [("429 | storm", "gives up"), ("503", "waits")])
def test_a_row_that_differs_or_is_new_fails(file: Path, fault: str, seen: str) -> None:
    with pytest.raises(AssertionError, match="says otherwise"):
        section(file).row(fault, "chat", seen, ended="exit code 0")


def test_a_row_that_nobody_told_fails_a_whole_module_only(file: Path) -> None:
    told = section(file)
    told.row("429 | storm", "chat", "waits", ended="exit code 0")
    told.close(is_whole=False)
    with pytest.raises(AssertionError, match="nobody told"):
        told.close(is_whole=True)


def test_the_same_row_twice_fails(file: Path) -> None:
    told = section(file)
    told.row("429 | storm", "chat", "waits", ended="exit code 0")
    with pytest.raises(AssertionError, match="two rows"):
        told.row("429 | storm", "chat", "waits", ended="exit code 0")


@pytest.mark.parametrize("is_whole", [True, False])
def test_writing_leaves_other_sections_alone_and_drops_stale_rows_of_a_whole_module(file: Path, is_whole: bool) -> None:
    told = section(file, is_written=True)
    told.row("503", "dx", "says so", ended="exit code 0")
    told.close(is_whole=is_whole)
    text = file.read_text()
    assert text.count("429") == (2 if is_whole else 4)
    assert text.index("## The model") < text.index("## The network") < text.index("| 503 | dx | says so |")


def test_what_differs_from_run_to_run_is_not_told() -> None:
    told = "cannot read /api/v1/pods, 127.0.0.1:4711, [e-0a1b2c3d] at 2026-01-15T10:00Z, see /tmp/x/a.gz:\n  more"
    assert steady(told) == "cannot read PATH, HOST:PORT, ID at TIME, see …/a.gz: more"


def test_a_row_is_one_line_of_markdown() -> None:
    row = Row(fault="a | b", where="dx", seen="<b>\nbold", ended="exit code 0")
    assert row.line == r"| a \| b | dx | &lt;b> bold | exit code 0 | none | nothing | none |"
