"""One JSON object with a `schema_version`: the same keys in the same order for every diagnosis.

Lists keep the diagnosis' order. Times are ISO 8601. Characters that would steer a terminal or break a line are
written as escapes, so the text is safe to print as it is.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from kubeagentix.contracts import ExporterPlugin
from kubeagentix.domain.answers import Answer
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis, Ignored, Remedy, ResourceRef
from kubeagentix.domain.ignoring import PATTERNS

SCHEMA_VERSION = 1

# json.dumps escapes C0 only. These can stand in strings alone, so replacing them keeps the JSON valid.
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def export(diagnosis: Diagnosis) -> str:
    """The diagnosis as indented JSON."""
    return safe(json.dumps(_diagnosis(diagnosis), indent=2, ensure_ascii=False))


def safe(text: str) -> str:
    """JSON without characters that a terminal or an editor would follow."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    target = diagnosis.target
    return {
        "schema_version": SCHEMA_VERSION,
        "id": diagnosis.id,
        "target": {"kind": target.kind, "namespace": target.namespace, "name": target.name},
        "mode": diagnosis.mode,
        "provider": diagnosis.provider,
        "model": diagnosis.model,
        "hypotheses": [hypothesis_fields(item) for item in diagnosis.hypotheses],
        "findings": [finding_fields(item) for item in diagnosis.findings],
        "gaps": [
            {"what": gap.what, "why": gap.why, "kind": gap.kind, "namespace": gap.namespace} for gap in diagnosis.gaps
        ],
        "ignored": [_ignored(item) for item in diagnosis.ignored],
        "answer": _answer(diagnosis.answer) if diagnosis.answer is not None else None,
        "attempts": [
            {
                "label": item.label,
                "provider": item.provider,
                "model": item.model,
                "credential_source": item.credential_source,
                "error": item.error,
                "message": item.message,
            }
            for item in diagnosis.attempts
        ],
        "notes": list(diagnosis.notes),
        "usage": dict(diagnosis.usage),
        "timings": dict(diagnosis.timings),
        "cluster": diagnosis.cluster,
        "started_at": _time(diagnosis.started_at),
        "finished_at": _time(diagnosis.finished_at),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    """What a model concludes; `struck` are evidence ids that it made up."""
    return {
        "root_cause": answer.root_cause,
        "form": answer.form,
        "hypotheses": [
            {
                "title": claim.title,
                "summary": claim.summary,
                "confidence": claim.confidence,
                "evidence": list(claim.evidence),
                "struck": list(claim.struck),
                "is_supported": claim.is_supported,
            }
            for claim in answer.hypotheses
        ],
        "remedies": list(answer.remedies),
        "disagreements": list(answer.disagreements),
    }


def hypothesis_fields(hypothesis: Hypothesis) -> dict[str, Any]:
    """One hypothesis."""
    return {
        "id": hypothesis.id,
        "title": hypothesis.title,
        "summary": hypothesis.summary,
        "confidence": hypothesis.confidence,
        "root": _resource(hypothesis.root),
        "findings": list(hypothesis.findings),
        "breakdown": [{"label": term.label, "value": term.value} for term in hypothesis.breakdown],
    }


def finding_fields(finding: Finding) -> dict[str, Any]:
    """One finding, with its evidence."""
    return {
        "id": finding.id,
        "analyzer": finding.analyzer,
        "reason": finding.reason,
        "severity": finding.severity.value,
        "confidence": finding.confidence,
        "resource": _resource(finding.ref),
        "title": finding.title,
        "cause": finding.cause,
        "evidence": [_evidence(item) for item in finding.evidence],
        "remedies": [_remedy(item) for item in finding.remedies],
        "caused_by": list(finding.caused_by),
    }


def _ignored(item: Ignored) -> dict[str, Any]:
    rule = item.rule
    return {
        "rule": {
            **{key: list(getattr(rule, key)) for key in PATTERNS},
            "labels": rule.labels,
            "until": rule.until.isoformat() if rule.until else None,
            "why": rule.why,
            "source": rule.source,
        },
        "is_expired": item.is_expired,
        "is_idle": item.is_idle,
        "findings": [finding_fields(finding) for finding in item.findings],
        "symptoms": [finding_fields(finding) for finding in item.symptoms],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "id": evidence.id,
        "resource": _resource(evidence.ref),
        "source": evidence.source,
        "summary": evidence.summary,
        "excerpt": evidence.excerpt,
        "locator": evidence.locator,
        "observed_at": _time(evidence.observed_at),
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {"title": remedy.title, "command": remedy.command, "effect": remedy.effect, "why": remedy.why}


def _resource(ref: ResourceRef) -> dict[str, str]:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


plugin = ExporterPlugin(id="json", title="One JSON object", media_type="application/json", export=export)
