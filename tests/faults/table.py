"""The table of faults, `docs/faults.md`: each row is told by the test that saw it, and held against the file.

A module of fault tests has a section of its own, headed by the first line of its docstring, so that modules may run
alone and in any order. A row that the file does not hold fails the test that told it; a row of the file that nobody
told fails the module, once it has run as a whole. With `FAULTS_TABLE=write` in the environment the file is written
instead: a module that ran as a whole has its section anew, a single test only adds or replaces its rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).parents[2] / "docs" / "faults.md"
WRITE_WITH = "FAULTS_TABLE=write python -m pytest tests/faults"
NONE, NOTHING = "none", "nothing"  # where a surface has no result; what is left behind
_COLUMNS = ("fault", "where", "what the user sees", "ends with", "result", "left behind", "bound")
_HEAD = f"""\
# When the cluster, the model or this program breaks

Written by the tests in `tests/faults/` from what they saw; they fail where this page says anything else.
`{WRITE_WITH}` writes it anew.

*ends with*: an exit code, an exception, or the terminal event of a run, of which there is exactly one, and last.
*result*: what became of the deterministic diagnosis. *left behind*: processes, threads, sockets, files and locks,
compared before and after. *bound*: what is asserted of time and memory; no measurement.
"""
_MAX_SEEN = 400
_STEADY = (
    (re.compile(r"/apis?/[\w./-]+(?:\?[\w=&%-]*)?"), "PATH"),
    (re.compile(r"(?:127\.0\.0\.1|localhost):\d+"), "HOST:PORT"),
    (re.compile(r"\[[ef]-[0-9a-f]+\]|\b[ef]-[0-9a-f]{6,}\b"), "ID"),
    (re.compile(r"/(?:tmp|var|private|home|root)/[^\s:;,'\")]*/"), "…/"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z?"), "TIME"),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one fault does on one surface. `seen` is one line, `bound` what is asserted, such as `≤ 300 MB, ≤ 10 s`."""

    fault: str
    where: str
    seen: str
    ended: str
    result: str = NONE
    left: str = NOTHING
    bound: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return _cell(self.fault), _cell(self.where)

    @property
    def line(self) -> str:
        cells = (self.fault, self.where, steady(self.seen), self.ended, self.result, self.left, self.bound or "none")
        return f"| {' | '.join(_cell(cell) for cell in cells)} |"


@dataclass
class Section:
    """The rows that one module told, under its heading."""

    title: str
    is_written: bool = False
    file: Path = FILE
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)

    def row(
        self,
        fault: str,
        where: str,
        seen: str,
        *,
        ended: str,
        result: str = NONE,
        left: str = NOTHING,
        bound: str = "",
    ) -> None:
        """Tell a row. Raises AssertionError where the file holds another one, or none."""
        row = Row(fault=fault, where=where, seen=seen, ended=ended, result=result, left=left, bound=bound)
        assert row.key not in self.rows, f"two rows for {row.key}"
        self.rows[row.key] = row
        if not self.is_written:
            known = _sections(self.file).get(self.title, {})
            assert known.get(row.key) == row.line, (
                f"{self.file.name} says otherwise than {row.line}; {WRITE_WITH} writes it"
            )

    def close(self, *, is_whole: bool) -> None:
        """The module has run. Writes its rows, or holds the file against them where `is_whole`."""
        known = _sections(self.file)
        told = {row.key: row.line for row in self.rows.values()}
        if self.is_written:
            known[self.title] = told if is_whole else {**known.get(self.title, {}), **told}
            self.file.parent.mkdir(exist_ok=True)
            self.file.write_text(rendered(known), encoding="utf-8")
        elif is_whole:
            assert sorted(known.get(self.title, {})) == sorted(told), f"rows that nobody told; {WRITE_WITH}"


def steady(text: str) -> str:
    """`text` on one line, without what differs from run to run: addresses, ids, times, temporary folders."""
    for pattern, shown in _STEADY:
        text = pattern.sub(shown, text)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SEEN else f"{text[: _MAX_SEEN - 1]}…"


def rendered(sections: dict[str, dict[tuple[str, str], str]]) -> str:
    """The whole file."""
    return "\n".join([_HEAD, *(_section(title, sections[title].items()) for title in sorted(sections))])


def _section(title: str, rows: Iterable[tuple[tuple[str, str], str]]) -> str:
    head = (f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}")
    return "\n".join([f"## {title}", "", *head, *(line for _, line in sorted(rows)), ""])


def _sections(file: Path) -> dict[str, dict[tuple[str, str], str]]:
    """The lines of the file, by section and by fault and surface."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        if line.startswith("## "):
            found[line.removeprefix("## ")] = {}
        elif line.startswith("| ") and found:
            cells = _cells(line)
            if tuple(cells) != _COLUMNS:
                found[list(found)[-1]][cells[0], cells[1]] = line
    return found


def _cells(line: str) -> Sequence[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;")
