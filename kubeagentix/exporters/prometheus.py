"""Metrics of a diagnosis in Prometheus' text format, such as node-exporter's textfile collector takes them.

Findings are counted by severity, reason and namespace. A cluster decides how many of these there are, so beyond a limit
the rest is counted together; nothing that changes from run to run (ids, times, names of pods) is ever in a label.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from kubeagentix.contracts import ExporterPlugin
from kubeagentix.domain.diagnosis import Diagnosis, Severity
from kubeagentix.report.text import clean_line

MAX_SERIES = 1_000  # of findings: what Prometheus takes from one file without a thought
MAX_LABEL = 100  # characters: namespaces have 63, reasons less than that
OTHERS = "(others)"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
Labels = tuple[tuple[str, str], ...]


def export(diagnosis: Diagnosis) -> str:
    """The metrics, a family after the other, with a line break at the end."""
    duration_s = (diagnosis.finished_at - diagnosis.started_at).total_seconds()
    families = (
        ("info", "Which cluster it is about.", [((("cluster", diagnosis.cluster),), 1.0)]),
        ("findings", "Findings, by severity, reason and namespace.", _findings(diagnosis)),
        ("findings_by_severity", "Findings, by severity.", _by_severity(diagnosis)),
        ("root_causes", "Root causes that the findings come down to.", [((), float(len(diagnosis.hypotheses)))]),
        ("ignored_findings", "Findings that rules ignore.", [((), float(_ignored(diagnosis)))]),
        ("gaps", "What could not be read, so that nothing is known of it.", [((), float(len(diagnosis.gaps)))]),
        ("objects", "Objects that were read.", [((), float(sum(diagnosis.counts.values())))]),
        ("run_duration_seconds", "How long it took to read and diagnose.", [((), duration_s)]),
        (
            "last_success_timestamp_seconds",
            "When it last came to its end, as a Unix time.",
            [((), diagnosis.finished_at.timestamp())],
        ),
    )
    return "".join(line for family in families for line in _family(*family))


def _family(name: str, what: str, samples: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    yield f"# HELP kubeagentix_{name} {what}\n# TYPE kubeagentix_{name} gauge\n"
    for labels, value in samples:
        told = ",".join(f'{key}="{_label(text)}"' for key, text in labels)
        yield f"kubeagentix_{name}{f'{{{told}}}' if told else ''} {value:.3f}".removesuffix(".000") + "\n"


def _label(text: str) -> str:
    return clean_line(text, MAX_LABEL).translate(_ESCAPES)


def _findings(diagnosis: Diagnosis) -> list[tuple[Labels, float]]:
    """The worst and most frequent first, as far as they go; the rest as one sample for each severity."""
    counted = Counter((item.severity, item.reason, item.ref.namespace) for item in diagnosis.findings)
    ranked = sorted(counted.items(), key=lambda pair: (-pair[0][0].rank, -pair[1], pair[0][1:]))
    shown: Counter[Labels] = Counter()
    for place, ((severity, reason, namespace), count) in enumerate(ranked):
        if place >= MAX_SERIES:
            reason, namespace = OTHERS, OTHERS  # noqa: PLW2901
        labels = (("severity", severity.value), ("reason", _cut(reason)), ("namespace", _cut(namespace)))
        shown[labels] += count
    return [(labels, float(count)) for labels, count in shown.items()]


def _cut(text: str) -> str:
    return clean_line(text, MAX_LABEL)  # before they are counted: two that are cut to the same are one sample


def _by_severity(diagnosis: Diagnosis) -> list[tuple[Labels, float]]:
    """One for each, also where there is none: an alert needs a number to go back to."""
    counted = Counter(item.severity for item in diagnosis.findings)
    return [((("severity", severity.value),), float(counted[severity])) for severity in Severity]


def _ignored(diagnosis: Diagnosis) -> int:
    return len({finding.id for item in diagnosis.ignored for finding in item.all})


plugin = ExporterPlugin(
    id="prometheus", title="Prometheus metrics", media_type="text/plain; version=0.0.4", export=export
)
