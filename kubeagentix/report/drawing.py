"""A cause chain drawn as inline SVG: boxes from left (the cause) to right (what follows), in the page's own colour.

No ids, classes or scripts, so that several drawings live in one page; every box says severity and object in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from kubeagentix.report.chain import Chain, Node
from kubeagentix.report.text import clean_line
from kubeagentix.report.words import EMOJI

_BOX_WIDTH, _BOX_HEIGHT = 248, 58
_GAP_X, _GAP_Y = 30, 12
_MAX_CHARS = 36  # what fits into a box at 12 px
_MIN_SCALE = 0.75  # smaller, it is no longer readable, and scrolls instead


def draw(chain: Chain) -> str:
    """One `<svg>` element; empty for an empty chain."""
    if not chain.nodes:
        return ""
    places = _places(chain)
    width = max(x for x, _ in places) + _BOX_WIDTH + 2
    height = max(y for _, y in places) + _BOX_HEIGHT + 2
    shapes = [*_arrows(chain, places), *_boxes(chain, places)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Cause chain" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" '
        f'style="width:100%;min-width:{round(width * _MIN_SCALE)}px;max-width:{width}px;height:auto" font-size="12" '
        f'font-family="sans-serif" fill="currentColor">' + "".join(shapes) + "</svg>"
    )


def _places(chain: Chain) -> list[tuple[int, int]]:
    """The upper left corner of each box: one column per step from the cause, filled from the top."""
    filled: dict[int, int] = {}
    places = []
    for depth in chain.depths:
        row = filled.get(depth, 0)
        filled[depth] = row + 1
        places.append((1 + depth * (_BOX_WIDTH + _GAP_X), 1 + row * (_BOX_HEIGHT + _GAP_Y)))
    return places


def _boxes(chain: Chain, places: list[tuple[int, int]]) -> Iterator[str]:
    steps = zip(chain.nodes, chain.depths, places, strict=True)
    for number, (node, depth, (x, y)) in enumerate(steps):
        stroke = 2.5 if number == 0 else 1
        lines = _label(node)
        # White space is nothing in a drawing, and parts its words where the drawing is taken out.
        yield f"\n{'  ' * depth}<g>"
        if any(line.endswith("…") for line in lines):
            yield f"<title>({escape(clean_line(f'{node.ref}: {node.title}'))}) </title>"
        yield (
            f'<rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6" fill="currentColor" '
            f'fill-opacity=".06" stroke="currentColor" stroke-width="{stroke}"/>'
        )
        for line, text in enumerate(lines):
            weight = ' font-weight="bold"' if line == 1 else ""
            yield f'<text x="{x + 8}" y="{y + 17 + 16 * line}"{weight}>{escape(text)} </text>'
        yield "</g>"


def _label(node: Node) -> tuple[str, str, str]:
    place = f" in {node.ref.namespace}" if node.ref.namespace else ""
    return (
        clean_line(f"{EMOJI[node.severity]} {node.ref.kind}{place}", _MAX_CHARS),
        clean_line(node.ref.name, _MAX_CHARS),
        clean_line(node.reason if len(node.reason) <= _MAX_CHARS else _refinement(node.reason), _MAX_CHARS),
    )


def _refinement(reason: str) -> str:
    """What stands after the slash, which says more than what stands before it."""
    return f"…/{reason.partition('/')[2]}" if "/" in reason else reason


def _arrows(chain: Chain, places: list[tuple[int, int]]) -> Iterator[str]:
    for cause, effect in chain.edges:
        x1, y1 = places[cause][0] + _BOX_WIDTH, places[cause][1] + _BOX_HEIGHT // 2
        x2, y2 = places[effect][0], places[effect][1] + _BOX_HEIGHT // 2
        middle = (x1 + x2) // 2
        yield (
            f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 - 7} {y2}" fill="none" stroke="currentColor" '
            f'stroke-opacity=".7"/><path d="M{x2} {y2}l-8 -4v8z" fill-opacity=".7"/>'
        )
