"""What a check says, and all of it together: shown as text, as HTML, as a frame, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Literal

from kubeagentix import __version__
from kubeagentix.errors import MissingExtraError
from kubeagentix.recognition.masking import masked
from kubeagentix.report.text import NO_FORMULAS, clean_line

if TYPE_CHECKING:
    import pandas as pd

State = Literal["ok", "warning", "failed", "not there"]
STATES: tuple[State, ...] = ("failed", "warning", "not there", "ok")  # the worst first
SCHEMA_VERSION = 1
COLUMNS = ("check", "state", "what", "seen", "do")
# On light and on dark ground.
_COLOURS: Mapping[State, str] = {"ok": "#2e9e44", "warning": "#c77700", "failed": "#d9423a", "not there": "#888888"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One line: `what` was looked at, what was `seen`, and what to `do` about it (empty: nothing).

    `code` names the kind of trouble for programs, such as `refused` or `expired`; empty where there is only one.
    """

    check: str
    state: State
    what: str
    seen: str
    do: str = ""
    code: str = ""

    def cleaned(self) -> CheckResult:
        """The same fit to be shown: on one line, without control characters and credentials."""
        what, seen, do = (clean_line(masked(text)) for text in (self.what, self.seen, self.do))
        return replace(self, what=what, seen=seen, do=do)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All results, in the order of the checks, and how long they took."""

    results: tuple[CheckResult, ...]
    elapsed_s: float

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return not any(result.state == "failed" for result in self.results)

    @property
    def counts(self) -> Mapping[State, int]:
        """How many results there are of each state, the worst first."""
        found = Counter(result.state for result in self.results)
        return {state: found[state] for state in STATES}

    @property
    def summary(self) -> str:
        """The counts on one line."""
        said = (f"{count} {state}" for state, count in self.counts.items() if count)
        line = ", ".join(said) or "nothing was checked"
        return line.replace("warning", "warnings") if self.counts["warning"] > 1 else line

    def by_check(self) -> Iterator[tuple[str, tuple[CheckResult, ...]]]:
        """(the name of a check, its results), in order."""
        for name in dict.fromkeys(result.check for result in self.results):
            yield name, tuple(result for result in self.results if result.check == name)

    def to_json(self) -> str:
        """One JSON object with `schema_version`."""
        document = {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "is_ok": self.is_ok,
            "counts": dict(self.counts),
            "elapsed_s": round(self.elapsed_s, 3),
            "results": [asdict(result) for result in self.results],
        }
        return json.dumps(document, indent=2, ensure_ascii=False)

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame, one row for each result. Raises MissingExtraError without pandas."""
        try:
            import pandas as pd  # noqa: PLC0415  optional, and half a second to import
        except ImportError as error:
            message = "frame() needs pandas, which is not installed"
            raise MissingExtraError(message, hint="pip install 'kubeagentix[lab]'") from error
        rows = [[getattr(result, name) for name in COLUMNS] for result in self.results]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def __repr__(self) -> str:
        from kubeagentix.doctor.showing import text_of  # noqa: PLC0415  which shows what is defined here

        return text_of(self)

    def _repr_html_(self) -> str:
        placed = ((place, result) for _, results in self.by_check() for place, result in enumerate(results))
        rows = "".join(_html_row(result, is_first=place == 0) for place, result in placed)
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in COLUMNS)
        return (
            f"<div class='{NO_FORMULAS}'><p>{escape(self.summary)}</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def _html_row(result: CheckResult, *, is_first: bool) -> str:
    """A row of the table; only the first of a check names it."""
    state = f"<b style='color:{_COLOURS[result.state]};white-space:nowrap'>{result.state}</b>"
    texts = (escape(result.what), escape(result.seen), escape(result.do))
    cells = (f"<b style='white-space:nowrap'>{escape(result.check)}</b>" if is_first else "", state, *texts)
    return "<tr>" + "".join(f"<td style='text-align:left;vertical-align:top'>{cell}</td>" for cell in cells) + "</tr>"
