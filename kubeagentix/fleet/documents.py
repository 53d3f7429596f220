"""The answer of a sweep as one JSON object with a `schema_version`: the same keys in the same order for every sweep."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.exporters.json import safe
from kubeagentix.fleet.incidents import Affected, Incident
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.quickdx.diagnosis import COLUMNS

if TYPE_CHECKING:
    from kubeagentix.fleet.diagnosis import FleetDiagnosis

SCHEMA_VERSION = 1


def export(found: FleetDiagnosis) -> str:
    """The diagnosis of the fleet as indented JSON."""
    plain = {
        "schema_version": SCHEMA_VERSION,
        "is_complete": found.is_complete,
        "incidents": [_incident(item) for item in found.incidents],
        "clusters": [_cluster(item) for item in found.reports],
        "notices": list(found.notices),
        "started_at": found.started_at.isoformat(),
        "finished_at": found.finished_at.isoformat(),
    }
    return safe(json.dumps(plain, indent=2, ensure_ascii=False))


def _incident(item: Incident) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title,
        "reason": item.reason,
        "severity": item.severity.value,
        "clusters": list(item.clusters),
        "of": item.of,
        "since": _time(item.since),
        "affected": [_affected(one) for one in item.affected],
    }


def _affected(item: Affected) -> dict[str, Any]:
    root = item.root
    return {
        "cluster": item.cluster,
        "hypothesis": root.id,
        "root": _resource(root.root),
        "reason": root.reason,
        "title": root.title,
        "confidence": root.confidence,
        "symptoms": root.symptoms,
    }


def _cluster(report: ClusterReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "server": report.server,
        "is_read": report.is_read,
        "why": report.why,
        "code": report.code,
        "findings": [_row(row) for row in report.rows],
        "gaps": [
            {"what": gap.what, "why": gap.why, "kind": gap.kind, "namespace": gap.namespace} for gap in report.gaps
        ],
        "counts": dict(report.counts),
        "seconds": report.seconds,
        "attempts": report.attempts,
    }


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    values = dict(zip(COLUMNS, row, strict=True))
    return {**values, "caused_by": list(values["caused_by"]), "since": _time(values["since"])}


def _resource(ref: ResourceRef) -> dict[str, str]:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
