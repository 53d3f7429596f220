"""The plain text reads without a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.exporters.text import export
from kubeagentix.report.outline import outline
from kubeagentix.report.wrapping import wrapped


def test_a_hypothesis_has_rank_confidence_root_chain_evidence_and_remedies(outage: Diagnosis) -> None:
    lines = export(outage).splitlines()
    assert lines[0] == "1 root cause found in namespace shop (cluster prod)"
    assert lines[2] == "1. The image tag does not exist  [92 %, critical]"
    assert lines[3] == "  root      Pod shop/web-1 (ImagePullBackOff/TagNotFound)"
    assert lines[5] == "  leads to  web has MinimumReplicasUnavailable"
    assert lines[6] == "            └ web has NoReadyEndpoints"
    assert "  evidence  event of Pod shop/web-1 (Failed): event says ImagePullBackOff/TagNotFound" in lines
    assert lines.index("              kubectl get web-1") < lines.index("              kubectl edit web-1")
    assert any("(changes the cluster)" in line for line in lines)
    assert "  not seen  secrets: 403 Forbidden" in lines
    assert lines[-1] == "3 findings: 3 critical. Read 4 objects: Pod 3, Service 1."


def test_of_a_long_excerpt_of_a_log_the_marked_line_is_shown(outage: Diagnosis) -> None:
    said = "\n".join(["  one", "  two", "  three", "  four", "> guilty (\u00d737)", "  after"])
    root = outage.findings[0]
    piece = replace(root.evidence[0], source="log", excerpt=said)
    lines = export(replace(outage, findings=(replace(root, evidence=(piece,)), *outage.findings[1:]))).splitlines()
    quoted = [line.strip() for line in lines if "\u2502" in line]
    assert quoted[:4] == ["\u2502   three", "\u2502   four", "\u2502 > guilty (\u00d737)", "\u2502 \u2026 1 more lines"]


def test_prose_is_wrapped_and_no_line_ends_in_white_space(outage: Diagnosis) -> None:
    lines = export(outage).splitlines()
    assert max(map(len, lines)) <= 110
    assert all(line == line.rstrip() for line in lines)


def test_no_control_character_is_left(hostile: Diagnosis) -> None:
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", export(hostile)) is None


def test_nothing_wrong_and_nothing_seen_differ(healthy: Diagnosis, unseen: Diagnosis) -> None:
    assert export(healthy).startswith("Nothing is wrong in namespace shop (cluster prod)\n")
    seen = "Nothing wrong was seen in namespace shop, but 1 part could not be read (cluster prod)\n"
    assert export(unseen).startswith(seen)


def test_many_hypotheses_are_shown_at_a_glance_and_a_few_in_detail(outage: Diagnosis) -> None:
    many = replace(outage, hypotheses=outage.hypotheses * 12)
    lines = export(many).splitlines()
    assert lines[2].split() == ["#", "sure", "severity", "root", "cause", "reason", "what", "is", "wrong"]
    assert lines[14].startswith(
        "  12  92 %  critical  Pod shop/web-1  ImagePullBackOff/TagNotFound  The image tag does"
    )
    assert len([line for line in lines if line.startswith("  root ")]) == 3
    assert "all: --verbose" in lines[16]


def test_a_huge_diagnosis_stays_short(huge: Diagnosis) -> None:
    text = export(huge)
    assert len(text.splitlines()) < 80
    assert "… and 995 more that follow from it" in text


def test_what_was_ignored_is_counted_and_on_request_listed(ignoring: Diagnosis) -> None:
    text = export(ignoring)
    assert text.startswith("Nothing is wrong in namespace shop but for 2 ignored findings (cluster prod)\n")
    assert "\n2 findings ignored by 1 rule, 1 of them as a symptom of an ignored one" in text
    assert "\n  ignored   2 by reason=ImagePullBackOff, until 2026-12-31: known\n" in text
    assert "\n  rule      reason=OOMKilled ([[ignore]] 2 in config.toml) expired on 2026-01-01\n" in text
    assert "\n  rule      namespace=nowhere ([[ignore]] 3 in config.toml) ignores nothing here\n" in text
    assert "web-1 has" not in text
    verbose = wrapped(outline(ignoring, is_verbose=True), 110)
    assert "critical: web-1 has ImagePullBackOff/TagNotFound (ImagePullBackOff/TagNotFound)" in verbose
