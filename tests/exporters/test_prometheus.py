"""The metrics are what Prometheus' own parser reads: few whatever the cluster holds, one line each whatever it says."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from kubeagentix.domain.diagnosis import Diagnosis, Finding, ResourceRef, Severity
from kubeagentix.exporters.prometheus import MAX_LABEL, MAX_SERIES, OTHERS, export


def read(diagnosis: Diagnosis) -> dict[str, list[tuple[dict[str, str], float]]]:
    families = text_string_to_metric_families(export(diagnosis))
    return {family.name: [(item.labels, item.value) for item in family.samples] for family in families}


def finding(number: int = 0, **changes: Any) -> Finding:
    told: dict[str, Any] = {
        "analyzer": "images",
        "reason": f"Reason{number}",
        "ref": ResourceRef(kind="Pod", namespace="shop", name=f"web-{number}"),
        "title": "t",
        "severity": Severity.WARNING,
        "confidence": 0.5,
        "cause": "c",
        "evidence": (),
    }
    return Finding.of(**{**told, **changes})


def test_findings_are_counted_by_severity_reason_and_namespace(outage: Diagnosis) -> None:
    found = read(outage)
    samples = found["kubeagentix_findings"]
    assert sum(value for _, value in samples) == len(outage.findings)
    for labels, value in samples:
        same = [
            item
            for item in outage.findings
            if (item.severity.value, item.reason, item.ref.namespace)
            == (labels["severity"], labels["reason"], labels["namespace"])
        ]
        assert value == len(same) > 0
    assert {labels["severity"] for labels, _ in found["kubeagentix_findings_by_severity"]} == {*Severity}
    assert found["kubeagentix_root_causes"] == [({}, len(outage.hypotheses))]
    assert found["kubeagentix_gaps"] == [({}, len(outage.gaps))]
    assert found["kubeagentix_info"] == [({"cluster": outage.cluster}, 1)]


def test_each_family_is_told_once_by_the_names_that_prometheus_asks_for(outage: Diagnosis) -> None:
    lines = export(outage).splitlines()
    assert export(outage).endswith("\n")
    for word in ("HELP", "TYPE"):
        told = [line.split()[2] for line in lines if line.startswith(f"# {word} ")]
        assert len(told) == len({*told}) == 9
    samples = [re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")]
    assert [name for name, _ in itertools.groupby(samples)] == list(dict.fromkeys(samples))  # each family in one piece
    assert all(re.fullmatch(r"kubeagentix_[a-z]+(_[a-z]+)*", name) for name in samples)
    assert not [name for name in samples if name.endswith(("_total", "_count", "_sum", "_bucket"))]  # these are gauges


def test_time_and_duration_are_those_of_the_run(outage: Diagnosis) -> None:
    found = read(outage)
    ((_, duration),) = found["kubeagentix_run_duration_seconds"]
    ((_, at),) = found["kubeagentix_last_success_timestamp_seconds"]
    assert abs(duration - (outage.finished_at - outage.started_at).total_seconds()) < 0.001
    assert abs(at - outage.finished_at.timestamp()) < 0.001


def test_nothing_wrong_is_zero_and_not_nothing(outage: Diagnosis) -> None:
    found = read(replace(outage, findings=(), hypotheses=(), gaps=()))
    assert found["kubeagentix_findings"] == []
    assert {value for _, value in found["kubeagentix_findings_by_severity"]} == {0}
    assert found["kubeagentix_root_causes"] == [({}, 0)]


def test_hostile_labels_are_one_line_and_read_back(outage: Diagnosis) -> None:
    odd = 'a"b\\c\nkubeagentix_gaps 99\x1b[31m{}'
    found = read(replace(outage, cluster=odd, findings=(finding(reason=odd),)))
    ((labels, _),) = found["kubeagentix_findings"]
    assert labels["reason"] == 'a"b\\c kubeagentix_gaps 99{}'
    assert found["kubeagentix_info"][0][0]["cluster"] == labels["reason"]
    assert found["kubeagentix_gaps"] == [({}, len(outage.gaps))]


def test_there_are_no_more_series_than_one_file_may_have(outage: Diagnosis) -> None:
    worst = finding(reason="Worst", severity=Severity.CRITICAL)
    many = (*(finding(number) for number in range(3 * MAX_SERIES)), worst)
    samples = read(replace(outage, findings=many))["kubeagentix_findings"]
    assert len(samples) == MAX_SERIES + 1
    assert sum(value for _, value in samples) == len(many)
    assert samples[0][0]["reason"] == "Worst"
    assert samples[-1] == (
        {"severity": "warning", "reason": OTHERS, "namespace": OTHERS},
        len(many) - MAX_SERIES,
    )


def test_labels_that_are_cut_to_the_same_are_one_sample(outage: Diagnosis) -> None:
    alike = tuple(finding(reason="x" * 2 * MAX_LABEL + str(number)) for number in range(3))
    ((labels, value),) = read(replace(outage, findings=alike))["kubeagentix_findings"]
    assert (len(labels["reason"]), value) == (MAX_LABEL, 3)


def test_no_name_of_an_object_is_in_it(outage: Diagnosis) -> None:
    text = export(outage)
    assert not [item.ref.name for item in outage.findings if item.ref.name in text]
