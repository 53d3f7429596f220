"""The JSON is the schema's, for any text."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime

from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.exporters.json import export


def test_the_keys_are_the_schemas_in_this_order(outage: Diagnosis) -> None:
    data = json.loads(export(outage))
    assert list(data) == [
        "schema_version", "id", "target", "mode", "provider", "model", "hypotheses", "findings", "gaps", "ignored",
        "answer", "attempts", "notes", "usage", "timings", "cluster", "started_at", "finished_at",
    ]  # fmt: skip
    assert list(data["hypotheses"][0]) == ["id", "title", "summary", "confidence", "root", "findings", "breakdown"]
    assert list(data["findings"][0]) == [
        "id", "analyzer", "reason", "severity", "confidence", "resource", "title", "cause", "evidence", "remedies",
        "caused_by",
    ]  # fmt: skip
    assert data["hypotheses"][0]["root"] == {"kind": "Pod", "namespace": "shop", "name": "web-1"}
    assert data["findings"][1]["resource"] == {"kind": "Deployment", "namespace": "shop", "name": "web"}
    assert data["schema_version"] == 1


def test_what_was_ignored_is_there_with_its_rule(ignoring: Diagnosis) -> None:
    first, expired, idle = json.loads(export(ignoring))["ignored"]
    assert first["rule"] == {
        "reason": ["ImagePullBackOff"], "object": [], "namespace": [], "analyzer": [], "labels": "",
        "until": "2026-12-31", "why": "known", "source": "[[ignore]] 1 in config.toml",
    }  # fmt: skip
    assert [item["reason"] for item in first["findings"]] == ["ImagePullBackOff/TagNotFound"]
    assert [item["reason"] for item in first["symptoms"]] == ["MinimumReplicasUnavailable"]
    assert [(item["is_expired"], item["is_idle"]) for item in (first, expired, idle)] == [
        (False, False), (True, False), (False, True),
    ]  # fmt: skip


def test_links_between_findings_hold(outage: Diagnosis) -> None:
    data = json.loads(export(outage))
    ids = [item["id"] for item in data["findings"]]
    assert data["hypotheses"][0]["findings"] == ids
    assert [item["caused_by"] for item in data["findings"]] == [[], [ids[0]], [ids[1]]]


def test_values_keep_their_types(outage: Diagnosis) -> None:
    data = json.loads(export(outage))
    assert data["findings"][0]["severity"] == "critical"
    assert data["hypotheses"][0]["confidence"] == 0.92
    assert datetime.fromisoformat(data["started_at"]) == outage.started_at
    assert data["target"] == {"kind": "", "namespace": "shop", "name": ""}
    assert data["findings"][0]["remedies"][0]["effect"] == "write"


def test_hostile_text_survives_as_it_is(hostile: Diagnosis) -> None:
    text = export(hostile)
    assert json.loads(text)["findings"][0]["title"] == hostile.findings[0].title
    text.encode("utf-8")


def test_hostile_text_cannot_steer_a_terminal(hostile: Diagnosis) -> None:
    unsafe = {char for char in export(hostile) if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n"}
    assert unsafe == set()


def test_the_same_diagnosis_gives_the_same_text(outage: Diagnosis) -> None:
    assert export(outage) == export(outage)
