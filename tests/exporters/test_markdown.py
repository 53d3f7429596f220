"""The Markdown says everything, and no text of a cluster becomes markup."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.exporters.markdown import export
from kubeagentix.report.text import clean_line


def tokens_of(text: str) -> list[Token]:
    """All tokens as a code-hosting site would see them: CommonMark with raw HTML, tables and bare links."""
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    found: list[Token] = []
    for token in parser.parse(text):
        found += [token, *(token.children or [])]
    return found


def table_cells(tokens: list[Token]) -> list[str]:
    """The text of each body cell, as it is read."""
    return [
        "".join(child.content for child in after.children or [])
        for token, after in itertools.pairwise(tokens)
        if token.type == "td_open"
    ]


def graph_of(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    fences = [token.content for token in tokens_of(text) if token.type == "fence" and token.info == "mermaid"]
    nodes = re.findall(r'^  (f\d+)\["[^"\[\]{}%<>]*(?:<br/>)[^"\[\]{}%<>]*"\]$', fences[0], re.MULTILINE)
    edges = re.findall(r"^  (f\d+) --> (f\d+)$", fences[0], re.MULTILINE)
    assert len(fences[0].strip().splitlines()) == 1 + len(nodes) + len(edges)
    return nodes, edges


def test_the_chain_is_a_mermaid_graph_from_cause_to_symptom(outage: Diagnosis) -> None:
    nodes, edges = graph_of(export(outage))
    assert nodes == ["f0", "f1", "f2"]
    assert edges == [("f0", "f1"), ("f1", "f2")]


def test_it_holds_hypothesis_confidence_terms_and_gaps(outage: Diagnosis) -> None:
    text = export(outage)
    assert "### 1. ⛔ The image tag does not exist" in text
    assert "Confidence: **92 %** = 0.70 reason, +0.22 event" in text
    assert "1 root cause found in namespace shop" in text
    assert "### Not seen" in text
    assert "secrets: 403 Forbidden" in text


def test_commands_that_read_come_first_and_others_are_marked(outage: Diagnosis) -> None:
    text = export(outage)
    commands = [token.content.strip() for token in tokens_of(text) if token.type == "fence" and token.info == "bash"]
    assert commands == ["kubectl get web-1", "kubectl get web", "kubectl edit web-1"]  # a symptom is not changed
    assert text.count("*changes the cluster:*") == 1


def test_the_table_has_a_row_per_finding(outage: Diagnosis) -> None:
    rows = [token for token in tokens_of(export(outage)) if token.type == "tr_open"]
    assert len(rows) == 1 + len(outage.findings)


def test_hostile_text_becomes_no_markup(hostile: Diagnosis) -> None:
    found = tokens_of(export(hostile))
    kinds = {token.type for token in found}
    assert kinds.isdisjoint({"html_block", "html_inline", "image", "link_open", "math_inline"})
    assert {token.tag for token in found if token.type == "heading_open"} == {"h2", "h3"}
    assert sum(token.type == "heading_open" for token in found) == 5
    assert table_cells(found)[4::5] == [clean_line(item.cause, 300) for item in hostile.findings]


def test_hostile_text_stays_inside_its_fence(hostile: Diagnosis) -> None:
    fences = [token for token in tokens_of(export(hostile)) if token.type == "fence"]
    assert {token.info for token in fences} == {"mermaid", "bash"} | ({"text"} & {token.info for token in fences})
    assert all("````" in token.content for token in fences if token.info == "bash")


def test_hostile_text_cannot_leave_a_mermaid_label(hostile: Diagnosis) -> None:
    nodes, edges = graph_of(export(hostile))
    assert (nodes, edges) == (["f0", "f1"], [("f0", "f1")])


def test_hostile_text_starts_no_formula(hostile: Diagnosis) -> None:
    # Notebooks look for formulas before they look at anything else; code is the one place they leave alone.
    prose = re.sub(r"(?ms)^(`{3,})[^\n]*\n.*?^\1`*$", "", export(hostile))
    prose = re.sub(r"(`+) .*? \1(?!`)", "", prose)
    assert "$" not in prose
    assert "\\(" not in prose
    assert "\\[" not in prose


def test_the_rendered_page_runs_nothing(hostile: Diagnosis) -> None:
    seen: list[str] = []

    class Page(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append(tag)

    Page().feed(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(export(hostile)))
    assert {"script", "img", "a"}.isdisjoint(seen)


def test_no_control_character_is_left(hostile: Diagnosis) -> None:
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", export(hostile)) is None


def test_many_hypotheses_get_an_overview(outage: Diagnosis) -> None:
    many = replace(outage, hypotheses=outage.hypotheses * 6)
    assert "| 6 | 92&nbsp;% | ⛔&nbsp;critical | Pod shop/web-1 | ImagePullBackOff/TagNotFound |" in export(many)
    assert "| # |" in export(many)
    assert "| # |" not in export(outage)


def test_nothing_wrong_says_what_was_read(healthy: Diagnosis) -> None:
    text = export(healthy)
    assert "✅ Nothing is wrong in namespace shop" in text
    assert "Read 4 objects: Pod 3, Service 1" in text
    assert "Not seen" not in text


def test_nothing_seen_is_not_called_healthy(unseen: Diagnosis) -> None:
    text = export(unseen)
    assert "✅" not in text
    assert "1 part could not be read" in text
    assert "not seen" in text
    assert "pods in namespace db: 403 Forbidden for user dev" in text


def test_a_huge_diagnosis_stays_readable(huge: Diagnosis) -> None:
    text = export(huge)
    assert len(text) < 150_000
    assert len(graph_of(text)[0]) <= 12
    assert "more findings that follow from it" in text
    assert "… and 801 more, in the JSON" in text


def test_what_was_ignored_is_counted_and_listed(ignoring: Diagnosis) -> None:
    text = export(ignoring)
    assert "✅ Nothing is wrong in namespace shop but for 2 ignored findings" in text
    assert "2 findings ignored by 1 rule, 1 of them as a symptom of an ignored one:" in text
    assert "- 2 by reason=ImagePullBackOff, until 2026-12-31: known" in text
    assert "  - ⛔ web-1 has ImagePullBackOff/TagNotFound (`ImagePullBackOff/TagNotFound`)" in text
    assert "- reason=OOMKilled (&#91;&#91;ignore&#93;&#93; 2 in config.toml) expired on 2026-01-01" in text
    assert "- namespace=nowhere (&#91;&#91;ignore&#93;&#93; 3 in config.toml) ignores nothing here" in text
