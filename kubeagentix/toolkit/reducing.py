"""A tool's answer made to fit into its share of the context: first by structure, then by cutting out the middle.

The head says what it is about, the tail holds the newest; what is missing between them is said, with the call that
shows it.
"""

from __future__ import annotations

from kubeagentix.domain.tooling import ToolOutput

HEAD_SHARE = 0.6  # of what is kept; the rest is the tail
LEAST_CHARS = 40  # a piece of a line that is shorter says nothing


def fit(output: ToolOutput, max_chars: int, result_id: str) -> tuple[str, bool]:
    """(what the model gets to see, whether something is missing). Never longer than `max_chars`.

    `result_id` is where the whole is kept for `search_result`.
    """
    text, short = output.text, output.short
    if len(text) <= max_chars:
        return text, False
    if short and len(short) < len(text):
        note = f"\n[shortened from {len(text):,} characters; {_how_to_get_it(result_id)}]"
        if len(short) + len(note) <= max_chars:
            return f"{short}{note}", True
        text = short
    return _cut(text, max_chars, result_id), True


def _how_to_get_it(result_id: str) -> str:
    return f'search_result(result_id="{result_id}", pattern="…") or (…, from_line=…) shows the rest'


def _cut(text: str, max_chars: int, result_id: str) -> str:
    lines = text.split("\n")
    # The note is as long as its largest numbers make it.
    room = max_chars - len(_note(len(lines), len(text), len(lines), result_id))
    if room < 2 * LEAST_CHARS:
        return text[: max(0, max_chars)]
    head = _head(text, int(room * HEAD_SHARE))
    tail = _tail(text, room - len(head))
    missing = text[len(head) : len(text) - len(tail)]
    whole_lines = max(0, missing.count("\n") - 1)
    last_line = head.count("\n") + 1
    return f"{head}{_note(whole_lines, len(missing), last_line, result_id)}{tail}"


def _note(lines: int, chars: int, after: int, result_id: str) -> str:
    what = f"{lines:,} lines, {chars:,} characters" if lines else f"{chars:,} characters"
    return f"\n[… {what} are missing after line {after:,}; {_how_to_get_it(result_id)} …]\n"


def _head(text: str, room: int) -> str:
    """The beginning of a text, to the end of a line if one ends in the latter half of it."""
    end = text.rfind("\n", room // 2, room + 1)
    return text[: end if end > 0 else room]


def _tail(text: str, room: int) -> str:
    start = text.find("\n", len(text) - room - 1, len(text) - room // 2)
    return text[start + 1 if start >= 0 else len(text) - room :]
