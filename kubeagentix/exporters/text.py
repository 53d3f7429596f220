"""Plain text for a pipe, a file or a frontend without HTML: no colours, wrapped at a fixed width."""

from __future__ import annotations

from kubeagentix.contracts import ExporterPlugin
from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.report.outline import WIDTH, outline
from kubeagentix.report.wrapping import wrapped


def export(diagnosis: Diagnosis) -> str:
    """The report as lines that end in no white space."""
    return wrapped(outline(diagnosis), WIDTH)


plugin = ExporterPlugin(id="text", title="Plain text", media_type="text/plain", export=export)
