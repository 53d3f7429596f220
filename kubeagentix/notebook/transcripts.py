"""A chat without a kernel: as HTML and as Markdown, for a saved notebook, an export, and a page that runs nothing.

Such pages may drop every style and class, so that meaning is in words and elements alone: what a click would open is
in `<details>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape

from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.notebook.turns import Turn
from kubeagentix.notebook.view import Part
from kubeagentix.report.rendering import html_of
from kubeagentix.report.text import NO_FORMULAS, clean_block, clean_line

STATES = {
    "done": "✅ done",
    "failed": "❌ failed",
    "running": "⏳ running",
    "stopped": "⏹ stopped",
    "approved": "✅ approved",
    "always": "✅ approved for this session",
    "refused": "⛔ not approved",
    "expired": "⌛ expired: nobody answered in time",
    "open": "⏳ waiting for an answer",
}
UNDER_WAY = "⏳ This came so far: the answer was still under way."
RESULT_LINES, RESULT_CHARS = 80, 6000  # of a tool's answer that stay in the notebook's file


def html(turns: Iterable[Turn]) -> str:
    """HTML of these turns, which can do nothing."""
    lines = "".join(line for turn in turns for line in _html(turn))
    return f'<div class="kubeagentix-chat {NO_FORMULAS}">{lines}</div>'


def markdown(turns: Iterable[Turn]) -> str:
    """The same as Markdown, which is text for those who read it: as a file, it is to be shown with raw HTML off."""
    return "\n\n".join(line for turn in turns for line in _markdown(turn))


def bundle(turns: Iterable[Turn]) -> Mapping[str, str]:
    """Both, as what a cell shows."""
    told = [*turns]
    return {"text/html": html(told), "text/plain": markdown(told)}


def so_far(turns: Iterable[Turn]) -> Mapping[str, str]:
    """Both while the last is under way, which is all that a file holds if its kernel ends before it."""
    told = bundle(turns)
    return {
        "text/html": f"{told['text/html']}<p><small>{UNDER_WAY}</small></p>",
        "text/plain": f"{told['text/plain']}\n\n{UNDER_WAY}",
    }


def _html(turn: Turn) -> Iterator[str]:
    for part in [*turn.parts.values()]:
        yield _part_html(part)
    if turn.cited:
        items = "".join(f"<li>{_evidence_html(item)}</li>" for item in [*turn.cited.values()])
        yield f"<details><summary>Evidence ({len(turn.cited)})</summary><ul>{items}</ul></details>"


def _part_html(part: Part) -> str:
    return _HTML[part["kind"]](part)


def _question_html(part: Part) -> str:
    return f"<p><strong>You</strong></p><blockquote>{_lines(part['text'])}</blockquote>"


def _text_html(part: Part) -> str:
    return html_of(part["markdown"])


def _thinking_html(part: Part) -> str:
    return f"<details><summary>💭 Thinking</summary>{html_of(part['markdown'])}</details>"


def _findings_html(part: Part) -> str:
    items = "".join(f"<li>{escape(_finding(item))}</li>" for item in part["findings"])
    return f"<details><summary>{_count(part)}</summary><ul>{items}</ul></details>"


def _approval_html(part: Part) -> str:
    head = escape(f"{STATES[part['state']]}: {part['summary']}{_why(part)}")
    return f"<details open><summary>{head}</summary>{_pre(part['diff'])}</details>"


def _ran_html(part: Part) -> str:
    lines = "<br>".join(map(escape, (part["text"], *part["attempts"])))
    return f"<p><small>{lines}</small></p>"


def _error_html(part: Part) -> str:
    return f"<p>❌ {escape(part['text'])}</p>"


def _notice_html(part: Part) -> str:
    return f"<p><small>💬 {escape(part['text'])}</small></p>"


def _tool_html(part: Part) -> str:
    head = f"🔧 <code>{escape(part['name'])}({escape(part['arguments'])})</code> {_outcome(part)}"
    return f"<details><summary>{head}</summary>{_pre(part.get('result', ''))}</details>"


def _outcome(part: Part) -> str:
    seconds = f" in {part['seconds']} s" if "seconds" in part else ""
    return f"{STATES[part['state']]}{seconds}"


def _evidence_html(item: Evidence) -> str:
    where = f"{item.ref}, {item.source}{f' {item.locator}' if item.locator else ''}"
    told = f"<code>{escape(item.id)}</code> {escape(clean_line(where, 300))}: {escape(clean_line(item.summary))}"
    return told + (_pre(item.excerpt) if item.excerpt else "")


def _pre(text: str) -> str:
    return f"<pre>{escape(clean_block(text, max_lines=RESULT_LINES, max_chars=RESULT_CHARS))}</pre>" if text else ""


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _why(part: Part) -> str:
    return f" ({part['why']})" if part.get("why") else ""


def _count(part: Part) -> str:
    number = len(part["findings"])
    return f"🩺 Quick Dx: {number} finding{'' if number == 1 else 's'}"


def _finding(item: Mapping[str, str]) -> str:
    return f"{item['severity']}: {item['title']} ({item['object']})"


def _markdown(turn: Turn) -> Iterator[str]:
    for part in [*turn.parts.values()]:
        yield _MARKDOWN[part["kind"]](part)
    if turn.cited:
        cited = (f"- {item.id}: {clean_line(f'{item.ref}: {item.summary}')}" for item in [*turn.cited.values()])
        yield "\n".join(("Evidence:", *cited))


def _question_markdown(part: Part) -> str:
    return f"**You:** {part['text']}".replace("\n", "  \n")


def _text_markdown(part: Part) -> str:
    return str(part["markdown"].strip())


def _thinking_markdown(part: Part) -> str:
    return "\n".join(f"> {line}" for line in part["markdown"].strip().split("\n"))


def _tool_markdown(part: Part) -> str:
    call = f"{part['name']}({part['arguments']})".replace("`", "'")
    return f"- `{call}`: {_outcome(part)}"


def _findings_markdown(part: Part) -> str:
    return "\n".join([_count(part), *(f"- {_finding(item)}" for item in part["findings"])])


def _approval_markdown(part: Part) -> str:
    diff = part["diff"].replace("~~~", "~ ~ ~")  # which would end the block
    return f"{STATES[part['state']]}: {part['summary']}{_why(part)}\n\n~~~diff\n{diff}\n~~~"


def _ran_markdown(part: Part) -> str:
    return "\n".join([f"*{part['text']}*", *(f"- {item}" for item in part["attempts"])])


def _error_markdown(part: Part) -> str:
    return f"❌ {part['text']}"


def _notice_markdown(part: Part) -> str:
    return f"*{part['text']}*"


_HTML: Mapping[str, Callable[[Part], str]] = {
    "question": _question_html,
    "text": _text_html,
    "thinking": _thinking_html,
    "tool": _tool_html,
    "findings": _findings_html,
    "approval": _approval_html,
    "ran": _ran_html,
    "error": _error_html,
    "notice": _notice_html,
}
_MARKDOWN: Mapping[str, Callable[[Part], str]] = {
    "question": _question_markdown,
    "text": _text_markdown,
    "thinking": _thinking_markdown,
    "tool": _tool_markdown,
    "findings": _findings_markdown,
    "approval": _approval_markdown,
    "ran": _ran_markdown,
    "error": _error_markdown,
    "notice": _notice_markdown,
}
