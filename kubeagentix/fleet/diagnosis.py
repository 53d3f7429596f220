"""The answer of a sweep: incidents over all clusters, one table, a report for each cluster, and what was not seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.errors import MissingExtraError, NotFoundError, excerpt
from kubeagentix.fleet import documents, markdown, outline, page
from kubeagentix.fleet.incidents import Incident, incidents_of
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.quickdx.diagnosis import COLUMNS, Diagnosis

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class FleetDiagnosis:
    """What a sweep found. `reports` has one ClusterReport for each cluster, in the order in which they were named.

    `notices` are lines about the sweep itself; `is_complete` is False where it was interrupted or its time was up.
    """

    reports: tuple[ClusterReport, ...]
    notices: tuple[str, ...] = ()
    is_complete: bool = True
    started_at: datetime
    finished_at: datetime

    @cached_property
    def incidents(self) -> tuple[Incident, ...]:
        """Root causes, the same ones of many clusters as one, worst first."""
        return incidents_of(self.reports)

    @property
    def read(self) -> tuple[ClusterReport, ...]:
        """The clusters of which something could be read."""
        return tuple(report for report in self.reports if report.is_read)

    @property
    def unread(self) -> tuple[ClusterReport, ...]:
        """The clusters that could not be asked, each with `why`: what is wrong there is not known."""
        return tuple(report for report in self.reports if not (report.is_read or report.is_absent))

    @property
    def absent(self) -> tuple[ClusterReport, ...]:
        """The clusters that do not have the namespace that was asked for."""
        return tuple(report for report in self.reports if report.is_absent)

    @property
    def is_healthy(self) -> bool:
        """Whether every cluster was read whole, and nothing was found at severity warning or above.

        Those without the namespace that was asked for do not count, but not all may be such.
        """
        return bool(self.read) and all(report.is_healthy or report.is_absent for report in self.reports)

    def severity_count(self, severity: Severity) -> int:
        """How many findings of that severity there are in all clusters."""
        return sum(report.severities.get(severity.value, 0) for report in self.reports)

    def __getitem__(self, cluster: str) -> Diagnosis:
        """The whole Diagnosis of one cluster. Raises NotFoundError, also for one that could not be asked."""
        report = next((item for item in self.reports if item.name == cluster), None)
        if report is None:
            hint = nearest(cluster, (item.name for item in self.reports), of="clusters")
            raise NotFoundError(f"no cluster of the fleet is called {excerpt(cluster, 80)!r}", hint=hint)
        found = report.diagnosis
        if found is None:
            raise NotFoundError(f"there is no diagnosis of {excerpt(cluster, 80)}: {report.why}")
        return found

    def frame(self) -> pd.DataFrame:
        """The findings of all clusters as one pandas DataFrame, indexed by cluster and finding id.

        The columns are those of `Diagnosis.frame()`. A cluster that could not be asked has no row: see `unread`.
        Raises MissingExtraError without pandas.
        """
        try:
            import pandas as pd  # noqa: PLC0415  optional, and half a second to import
        except ImportError as error:
            message = "FleetDiagnosis.frame() needs pandas, which is not installed"
            raise MissingExtraError(message, hint="pip install 'kubeagentix[lab]'") from error
        rows = [(report.name, *row) for report in self.reports for row in report.rows]
        frame = pd.DataFrame(rows, columns=["cluster", *COLUMNS]).set_index(["cluster", "id"])
        return frame.astype({"hypothesis": "Int64"})

    def to_markdown(self) -> str:
        """A Markdown report."""
        return markdown.export(self)

    def to_html(self) -> str:
        """A self-contained HTML fragment; no script, nothing remote."""
        return page.export(self)

    def to_json(self) -> str:
        """One JSON object with `schema_version`."""
        return documents.export(self)

    def to_text(self, *, is_verbose: bool = False) -> str:
        """Plain text, as on a terminal without colours; `is_verbose`: all incidents with what to do, and all gaps."""
        return outline.told(self, is_verbose=is_verbose)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": self.to_text(), "text/markdown": self.to_markdown(), "text/html": self.to_html()}

    def __repr__(self) -> str:
        return f"<FleetDiagnosis of {outline.headline(self)}>"
