"""The HTML stands alone, reads in light and dark, and no text of a cluster becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.exporters.html import export
from kubeagentix.report.text import NO_FORMULAS

VOID = {"br", "hr", "img", "input", "rect", "path"}


class Page(HTMLParser):
    """The fragment as a tree walk: tags, attributes, text, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_tag_is_closed_in_order(outage: Diagnosis, hostile: Diagnosis) -> None:
    for diagnosis in (outage, hostile):
        page = Page(export(diagnosis))
        assert page.open == []
        assert page.tags[0] == "div"


def test_hostile_text_adds_no_tag_and_no_attribute(outage: Diagnosis, hostile: Diagnosis) -> None:
    known, page = Page(export(outage)), Page(export(hostile))
    assert set(page.tags) <= {*known.tags, "title"}  # what a drawing says of a name that it cuts
    assert {name for name, _ in page.attributes} <= {name for name, _ in known.attributes}
    assert "<script>alert(1)</script>" in page.text


def test_nothing_runs_and_nothing_is_remote(hostile: Diagnosis) -> None:
    page = Page(export(hostile))
    assert {"script", "style", "img", "iframe", "a", "link", "object", "form"}.isdisjoint(page.tags)
    names = {name for name, _ in page.attributes}
    assert {"href", "src", "id"}.isdisjoint(names)
    assert not any(name.startswith("on") for name in names)
    assert not any("url(" in value for name, value in page.attributes if name == "style")


def test_no_foreign_dollar_is_taken_for_a_formula(hostile: Diagnosis) -> None:
    assert [value for name, value in Page(export(hostile)).attributes if name == "class"] == [NO_FORMULAS]
    assert export(hostile).startswith(f'<div class="{NO_FORMULAS}"')


def test_no_colour_is_fixed(outage: Diagnosis) -> None:
    styles = [value for name, value in Page(export(outage)).attributes if name in ("style", "fill", "stroke")]
    assert not any(re.search(r"#[0-9a-f]{3}|black|white(?!-)|rgb\(", style) for style in styles)


def test_severity_is_said_in_words(outage: Diagnosis) -> None:
    text = Page(export(outage)).text
    assert "⛔ critical" in text
    assert "92 %" in text


def test_the_chain_is_drawn_with_a_box_per_finding_and_an_arrow_per_cause(outage: Diagnosis) -> None:
    page = Page(export(outage))
    assert page.tags.count("svg") == 1
    assert page.tags.count("rect") == 3
    assert page.tags.count("path") == 2 * 2  # a line and a head each


def test_an_untrusted_notebook_keeps_the_words_of_the_drawing_in_lines(outage: Diagnosis) -> None:
    # JupyterLab takes the drawing's tags out and leaves what stands between them.
    drawing = re.search(r"<pre[^>]*>(<svg.*?</svg>)</pre>", export(outage), re.DOTALL)
    assert drawing is not None
    assert [line.rstrip() for line in re.sub("<[^>]*>", "", drawing[1]).splitlines() if line.strip()] == [
        "⛔ Pod in shop web-1 ImagePullBackOff/TagNotFound",
        "  ⛔ Deployment in shop web MinimumReplicasUnavailable",
        "    ⛔ Service in shop web NoReadyEndpoints",
    ]


def test_many_hypotheses_are_folded_and_few_are_not(outage: Diagnosis) -> None:
    many = replace(outage, hypotheses=outage.hypotheses * 6)
    assert [name for name, _ in Page(export(many)).attributes].count("open") == 0
    assert [name for name, _ in Page(export(outage)).attributes].count("open") == 1


def test_the_chain_is_also_a_list_for_where_drawings_are_removed(outage: Diagnosis) -> None:
    assert "→ → ⛔ web has NoReadyEndpoints" in Page(export(outage)).text


def test_nothing_wrong_says_what_was_read(healthy: Diagnosis) -> None:
    text = Page(export(healthy)).text
    assert "✅ Nothing is wrong in namespace shop" in text
    assert "Read 4 objects: Pod 3, Service 1" in text


def test_nothing_seen_is_not_called_healthy(unseen: Diagnosis) -> None:
    text = Page(export(unseen)).text
    assert "✅" not in text
    assert "not seen" in text.lower()
    assert "403 Forbidden for user dev" in text


def test_a_huge_diagnosis_stays_small(huge: Diagnosis) -> None:
    text = export(huge)
    assert len(text) < 250_000
    assert Page(text).tags.count("rect") <= 12


def test_what_was_ignored_is_counted_and_unfolds(ignoring: Diagnosis) -> None:
    page = Page(export(ignoring))
    assert page.open == []
    assert "Nothing is wrong in namespace shop but for 2 ignored findings" in page.text
    assert "2 findings ignored by 1 rule, 1 of them as a symptom of an ignored one" in page.text
    assert "2 by reason=ImagePullBackOff, until 2026-12-31: known" in page.text
    assert "web has MinimumReplicasUnavailable" in page.text
    assert "reason=OOMKilled ([[ignore]] 2 in config.toml) expired on 2026-01-01" in page.text
