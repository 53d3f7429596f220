"""A diagnosis made of any texts, and what must hold of every format that it is shown in."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from kubeagentix import registry
from kubeagentix.domain.diagnosis import (
    Diagnosis,
    Evidence,
    Finding,
    Gap,
    Hypothesis,
    Remedy,
    ResourceRef,
    Severity,
    Target,
    Term,
)

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
# What steers a terminal or turns the direction of writing, and halves of characters.
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": False})
_MARKUP = {"html_block", "html_inline", "image", "link_open", "code_block", "blockquote_open", "hr"}
_TAGS = {
    *("div", "p", "strong", "em", "small", "code", "pre", "ul", "li", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "path", "text", "g", "title", "tspan"),
}
_FOREIGN = re.compile(r"on\w+|href|src|srcdoc|xlink:href|action|formaction|background", re.IGNORECASE)


def diagnosis_of(texts: list[str]) -> Diagnosis:
    """A small diagnosis that says these twelve texts in its places."""
    name, reason, title, cause, summary, excerpt, locator, command, why, note, namespace, label = texts
    refs = [ResourceRef(cluster=note, namespace=namespace, kind=kind, name=name) for kind in ("Deployment", "Pod")]
    findings = tuple(
        Finding(
            id=f"f{number}",
            analyzer="fuzz",
            reason=reason,
            ref=ref,
            title=title,
            severity=Severity.CRITICAL,
            confidence=0.5,
            cause=cause,
            evidence=(Evidence.of(ref, "log", summary, excerpt=excerpt, locator=locator),),
            remedies=(Remedy(title=why, command=command, effect="write", why=label),),
            caused_by=("f0",) if number else (),
        )
        for number, ref in enumerate(refs)
    )
    hypothesis = Hypothesis(
        id="h",
        title=title,
        summary=summary,
        confidence=0.9,
        root=refs[0],
        findings=("f0", "f1"),
        breakdown=(Term(label=label, value=0.9),),
    )
    return Diagnosis(
        id="d",
        target=Target(namespace=namespace),
        cluster=note,
        hypotheses=(hypothesis,),
        findings=findings,
        gaps=(Gap(what=why, why=cause),),
        notes=(note,),
        counts={"Pod": 1},
        started_at=AT,
        finished_at=AT,
    )


def check_exports(diagnosis: Diagnosis) -> None:
    """No format lets a text of a cluster become markup or steer a terminal."""
    exports = {name: plugin.export(diagnosis) for name, plugin in registry.exporters().items()}
    for name, text in exports.items():
        assert not STEERING.search(text), name
    json.loads(exports["json"])
    _check_markdown(exports["markdown"], diagnosis)
    page = _Page()
    page.feed(exports["html"])
    page.close()
    assert page.tags <= _TAGS
    assert not [name for name in page.names if _FOREIGN.fullmatch(name)]
    assert page.depth == 0


def _check_markdown(text: str, diagnosis: Diagnosis) -> None:
    tokens = [token for block in _MARKDOWN.parse(text) for token in (block, *(block.children or ()))]
    kinds = [token.type for token in tokens]
    assert _MARKUP.isdisjoint(kinds)
    assert {token.info for token in tokens if token.type == "fence"} <= {"mermaid", "text", "bash"}
    assert {token.tag for token in tokens if token.type == "heading_open"} <= {"h2", "h3"}
    assert kinds.count("td_open") % 5 == 0
    assert kinds.count("td_open") >= 5 * min(len(diagnosis.findings), 1)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.depth += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.depth -= 1

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:80]}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl[:80]}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data[:80]}")
