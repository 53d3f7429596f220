"""A Diagnosis with the ways to look at it: as a table, as text, as JSON, in a notebook, beside an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubeagentix import registry
from kubeagentix.domain import diagnosis as domain
from kubeagentix.domain.diagnosis import Finding, Hypothesis
from kubeagentix.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Diagnosis(domain.Diagnosis):
    """The answer of a run: `hypotheses` ranked best first, all `findings`, the `gaps`, and the `ignored`."""

    @property
    def is_healthy(self) -> bool:
        """Whether all was read, and nothing found at severity warning or above: silence is not health."""
        return not (self.hypotheses or self.gaps) and all(
            finding.severity is domain.Severity.INFO for finding in self.findings
        )

    def frame(self) -> pd.DataFrame:
        """The findings as a pandas DataFrame, one row each, worst first; indexed by finding id.

        Columns: severity, namespace, kind, name, reason, title, cause, confidence, caused_by, hypothesis (the rank
        of the hypothesis it belongs to, 1 for the first, or NA), evidence (how many pieces), since.
        Raises MissingExtraError without pandas.
        """
        try:
            import pandas as pd  # noqa: PLC0415  optional, and half a second to import
        except ImportError as error:
            message = "Diagnosis.frame() needs pandas, which is not installed"
            raise MissingExtraError(message, hint="pip install 'kubeagentix[lab]'") from error
        frame = pd.DataFrame(self.rows(), columns=list(COLUMNS)).set_index("id")
        return frame.astype({"hypothesis": "Int64"})

    def rows(self) -> list[dict[str, Any]]:
        """The rows of `frame`, as plain values by column."""
        return [self._row(finding) for finding in self.findings]

    def _row(self, finding: Finding) -> dict[str, Any]:
        ranks = [rank for rank, item in enumerate(self.hypotheses, start=1) if finding.id in item.findings]
        return {
            "id": finding.id,
            "severity": finding.severity.value,
            "namespace": finding.ref.namespace,
            "kind": finding.ref.kind,
            "name": finding.ref.name,
            "reason": finding.reason,
            "title": finding.title,
            "cause": finding.cause,
            "confidence": finding.confidence,
            "caused_by": finding.caused_by,
            "hypothesis": ranks[0] if ranks else None,
            "evidence": len(finding.evidence),
            "since": finding.since,
        }

    def to_markdown(self) -> str:
        """A Markdown report with the cause chains as Mermaid graphs."""
        return registry.exporters()["markdown"].export(self)

    def to_html(self) -> str:
        """A self-contained HTML fragment with the cause chains as inline SVG; no script, nothing remote."""
        return registry.exporters()["html"].export(self)

    def to_json(self) -> str:
        """One JSON object with `schema_version`."""
        return registry.exporters()["json"].export(self)

    def to_text(self) -> str:
        """Plain text, as on a terminal without colours."""
        return registry.exporters()["text"].export(self)

    def diff(self, earlier: domain.Diagnosis) -> Difference:
        """What changed since `earlier`: findings and hypotheses that are new, gone and still there, by id.

        What is ignored in one of the two is neither new nor gone.
        """
        given: object = earlier
        if not isinstance(given, domain.Diagnosis):
            what = f"a Diagnosis is compared with an earlier one, not with {type(earlier).__name__}"
            raise UsageError(what, hint="kx.history.diagnosis() gives the latest that is kept")
        before = {finding.id: finding for finding in earlier.findings}
        now = {finding.id: finding for finding in self.findings}
        seen_before = {*before, *_ignored_ids(earlier)}
        seen_now = {*now, *_ignored_ids(self)}
        old_roots = {item.id: item for item in earlier.hypotheses}
        new_roots = {item.id: item for item in self.hypotheses}
        return Difference(
            new=tuple(finding for key, finding in now.items() if key not in seen_before),
            gone=tuple(finding for key, finding in before.items() if key not in seen_now),
            same=tuple(finding for key, finding in now.items() if key in seen_before),
            new_hypotheses=tuple(item for key, item in new_roots.items() if key not in old_roots),
            gone_hypotheses=tuple(item for key, item in old_roots.items() if key not in new_roots),
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": self.to_text(), "text/markdown": self.to_markdown(), "text/html": self.to_html()}

    def __repr__(self) -> str:
        found = f"{len(self.hypotheses)} hypotheses, {len(self.findings)} findings, {len(self.gaps)} gaps"
        return f"<Diagnosis of {self.target}: {found}>"


def _ignored_ids(diagnosis: domain.Diagnosis) -> set[str]:
    return {finding.id for item in diagnosis.ignored for finding in item.all}


COLUMNS = (
    "id",
    "severity",
    "namespace",
    "kind",
    "name",
    "reason",
    "title",
    "cause",
    "confidence",
    "caused_by",
    "hypothesis",
    "evidence",
    "since",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Between two diagnoses: what is `new`, `gone` and the `same`, as findings; and the same for root causes."""

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    same: tuple[Finding, ...]
    new_hypotheses: tuple[Hypothesis, ...]
    gone_hypotheses: tuple[Hypothesis, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.gone)} gone, {len(self.new)} new, {len(self.same)} unchanged"]
        lines += [f"- gone: {item.title} ({item.reason}, {item.ref})" for item in self.gone]
        lines += [f"+ new: {item.title} ({item.reason}, {item.ref})" for item in self.new]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Difference: {str(self).splitlines()[0]}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))
