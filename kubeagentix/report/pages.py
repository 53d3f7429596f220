"""Markdown that others wrote, as HTML that a notebook may show: frontends run what is in fresh Markdown."""

from __future__ import annotations

from html import escape

from kubeagentix.report.text import NO_FORMULAS


def page_of(markdown: str) -> str:
    """Safe HTML of it; the text as it stands where the packages of the extra `lab`, which render, are not installed."""
    try:
        from kubeagentix.report.rendering import html_of  # noqa: PLC0415  needs these packages
    except ModuleNotFoundError:
        return f"<pre>{escape(markdown)}</pre>"  # in which no frontend looks for formulas
    return f'<div class="{NO_FORMULAS}">{html_of(markdown)}</div>'
