"""Markup in a model's text: what becomes a call, what stays text, and that no cut of the text matters."""

from __future__ import annotations

import itertools
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubeagentix.domain.messages import ToolCall
from kubeagentix.wire.markup import Item, MarkupParser, Unoffered

NAMES = ("pod_logs", "get_events")
CALL = '<invoke name="pod_logs"><parameter name="pod">web-1</parameter></invoke>'
BLOCK = f"<function_calls>{CALL}</function_calls>"


def parse(pieces: Iterable[str], names: Sequence[str] = NAMES) -> list[Any]:
    """Texts joined, calls as (name, arguments), calls of what was not offered as they are."""
    parser = MarkupParser(names)
    items = [item for piece in pieces for item in parser.feed(piece)]
    return joined([*items, *parser.finish()])


def joined(items: Iterable[Item]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if isinstance(item, str) and found and isinstance(found[-1], str):
            found[-1] += item
        elif isinstance(item, ToolCall):
            found.append((item.name, dict(item.arguments)))
        else:
            found.append(item)
    return found


def shown(items: Iterable[Any]) -> str:
    return "".join(item for item in items if isinstance(item, str))


def calls(text: str) -> list[Any]:
    return [item for item in parse([text]) if isinstance(item, tuple)]


# What is a call


def test_a_block_is_a_call_and_is_not_shown() -> None:
    assert parse([f"Let me look.\n{BLOCK}\n"]) == ["Let me look.\n", ("pod_logs", {"pod": "web-1"}), "\n"]


def test_a_call_outside_of_a_block_is_a_call() -> None:
    assert parse([CALL]) == [("pod_logs", {"pod": "web-1"})]


@pytest.mark.parametrize("prefix", ["antml:", "xx:", "a.b-c:"])
def test_tags_may_have_a_prefix(prefix: str) -> None:
    text = BLOCK.replace("</", f"</{prefix}").replace("<f", f"<{prefix}f").replace("<i", f"<{prefix}i")
    assert parse([text.replace("<p", f"<{prefix}p")]) == [("pod_logs", {"pod": "web-1"})]


def test_a_block_may_hold_many_calls_with_space_between() -> None:
    text = f'<function_calls>\n{CALL}\n  {CALL}\n<invoke name="get_events">\n</invoke>\n</function_calls>'
    assert parse([text]) == [("pod_logs", {"pod": "web-1"})] * 2 + [("get_events", {})]


def test_a_call_is_told_as_soon_as_it_is_complete() -> None:
    parser = MarkupParser(NAMES)
    assert parser.feed(f"<function_calls>{CALL[:-1]}") == []
    (call,) = parser.feed(">")
    assert isinstance(call, ToolCall)
    assert (call.name, call.origin) == ("pod_logs", "markup")


def test_every_call_has_an_id_of_its_own() -> None:
    items = MarkupParser(NAMES).feed(CALL * 50) + MarkupParser(NAMES).feed(CALL * 50)
    assert len({item.id for item in items if isinstance(item, ToolCall)}) == 100


def test_a_call_without_parameters_may_close_itself() -> None:
    assert calls('<invoke name="get_events"/>') == [("get_events", {})]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("-1.5", -1.5),
        ("true", True),
        ("null", None),
        ('["a", 1]', ["a", 1]),
        ('\n{"app": "web"}\n', {"app": "web"}),
        ("web-1", "web-1"),
        ('"quoted"', '"quoted"'),
        ("007", "007"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5_000, "9" * 5_000),
        ("{broken", "{broken"),
        ("", ""),
        ("\n two\nlines \n", " two\nlines "),
        ("\r\nx\r\n", "x"),
        ("a &lt; b &amp;&amp; c &gt; &quot;d&quot;", 'a < b && c > "d"'),
        ("&amp;lt;", "&lt;"),
        ("a < b && </invoke> <invoke name='x'>", "a < b && </invoke> <invoke name='x'>"),
        ("``` ~~~ `", "``` ~~~ `"),
    ],
)
def test_a_value_is_json_or_its_text(text: str, value: object) -> None:
    found = calls(f'<invoke name="pod_logs"><parameter name="v">{text}</parameter></invoke>')
    assert found == [("pod_logs", {"v": value})]
    assert type(found[0][1]["v"]) is type(value)


@pytest.mark.parametrize("rest", ["</function_calls>", f"{CALL}</function_calls>", "<function_calls>"])
def test_a_call_with_parameters_is_closed_by_what_cannot_stand_in_it(rest: str) -> None:
    text = f'<function_calls><invoke name="get_events"><parameter name="n">1</parameter>\n{rest}'
    assert calls(text)[0] == ("get_events", {"n": 1})


def test_a_call_without_a_closing_block_is_a_call() -> None:
    assert parse([f"<function_calls>\n{CALL}\n"]) == [("pod_logs", {"pod": "web-1"})]


# What is none


@pytest.mark.parametrize("name", ["delete_pod", "pod_logs2", "POD_LOGS", "mcp__x"])
def test_a_tool_that_was_not_offered_is_reported_and_never_called(name: str) -> None:
    assert parse([f"a\n{BLOCK.replace('pod_logs', name)}\nb"]) == ["a\n", Unoffered(name), "\nb"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "a < b, x <- y, <pod>, <invoker>, <b>bold</b>, <!-- -->, </p>",
        "the <function_calls> tag, and <function_calls>",
        "an <invoke name='x'> tag, an <invoke> tag and a <parameter name='p'>value</parameter>",
        "</invoke> and </function_calls> without an opening",
        "<invoke name=pod_logs></invoke>",
        "<function_calls",
        "<",
        f"```\n{BLOCK}\n```\n",
        f"```xml\n{BLOCK}\n",
        f"~~~\n{BLOCK}\n~~~~\n",
        f"~~~~ `x\n{BLOCK}\n~~~\n{BLOCK}\n~~~~",
        f"````\n{BLOCK}\n```\n{BLOCK}\n````",
        f"> - text\n> ```\n> {BLOCK}\n> ```\n",
        f"1. ```sh\n   {BLOCK}\n   ```\n",
        f"```\n``` not the end\n{BLOCK}\n```",
        f"say `{BLOCK}` and ``a ` {CALL}``.",
        f"a ` stray and ``{CALL}``",
        f"a ` b `` c ``` d {CALL}`` e",
        f"<function_results>\n{BLOCK}\n</function_results>",
        f"<function_results>\n{BLOCK}",
        CALL[:-1],
        f"<function_calls>{CALL[:30]}",
        '<invoke name="pod_logs"><parameter name="pod">never closed</invoke></function_calls>',
    ],
)
def test_this_is_text_and_comes_out_unchanged(text: str) -> None:
    for pieces in ([text], list(text)):
        assert parse(pieces) == ([text] if text else [])


@pytest.mark.parametrize(
    "before",
    [
        "a ` stray backquote ",
        "`` two ` of another size ",
        "`a span` and ",
        "``` is no fence with a ` after it\n",
        "```\ncode\n```\n",
        "~~~\ncode\n~~~  \n",
        "~~struck~~ ~/home ",
        "`a span may not\ngo on` ",
        "x ```\n",
        "<function_calls> is a tag\n",
        "<function_results>quoted</function_results> ",
    ],
)
def test_markup_after_code_is_a_call(before: str) -> None:
    for pieces in ([before + BLOCK], [*before, *BLOCK]):
        assert parse(pieces) == [before, ("pod_logs", {"pod": "web-1"})]


def test_what_was_shown_never_joins_to_a_tag_where_a_call_was() -> None:
    text = f'<inv{CALL}oke name="get_events">{CALL}</in{CALL}voke>'
    assert shown(parse([text])) == '<inv\noke name="get_events">\n</in\nvoke>'


def test_closing_tags_left_over_from_a_call_are_not_shown() -> None:
    assert parse([f"{CALL}</invoke>\nso</function_calls>"]) == [("pod_logs", {"pod": "web-1"}), "\nso"]


def test_a_call_inside_of_an_unclosed_one_is_neither_run_nor_shown() -> None:
    inner = '<invoke name="get_events"></invoke>'
    items = parse([f'a <invoke name="pod_logs"><parameter name="p">x {inner} y'])
    assert items == ['a <invoke name="pod_logs"><parameter name="p">x \n y']


# What is held back


@pytest.mark.parametrize("text", ["word", "`", "``", "```", "~~~", "\n", "a > b", "`` x", "{", "-", "a < b ", "<b>"])
def test_nothing_is_held_back_that_cannot_begin_a_tag(text: str) -> None:
    assert MarkupParser(NAMES).feed(text) == [text]


def test_only_what_may_be_a_tag_is_held_back() -> None:
    parser = MarkupParser(NAMES)
    assert parser.feed("see <func") == ["see "]
    assert parser.feed("tional> and <inv") == ["<functional> and "]
    assert parser.feed("oice>") == ["<invoice>"]


def test_a_tag_in_what_may_be_a_span_waits_for_the_end_of_the_line_and_no_longer() -> None:
    parser = MarkupParser(NAMES)
    assert parser.feed(f"a ` b {CALL} c") == ["a ` b "]
    assert joined(parser.feed("\n")) == [("pod_logs", {"pod": "web-1"}), "\n c\n"]


def test_a_span_that_closes_releases_what_it_holds() -> None:
    parser = MarkupParser(NAMES)
    assert parser.feed(f"a ``b ` {CALL}`") == ["a ``b ` "]
    assert parser.feed("` c") == [f"{CALL}`` c"]


# Any text, cut anywhere

CODE = [
    *("`", "``", "```", "````", "~", "~~~", "\n```\n", "\n~~~\n", "\n", "\n\n", " ", "  ", "> ", "- ", "1. ", "\r\n"),
    *("<function_results>", "</function_results>"),
]
FRAGMENTS = [
    *CODE,
    *("<function_calls>", "</function_calls>", '<invoke name="pod_logs">', '<invoke name="no">', "</invoke>"),
    *('<parameter name="p">', "</parameter>", "<function_calls>", "</invoke>", "<x:invoke name='get_events'>"),
    *('<invoke name="get_events"/>', CALL, BLOCK),
    *("<", "<inv", "oke>", 'oke name="pod_logs">', "</", "</in", "voke>", "<pod>", "<", ">", '"'),
    *("x", "word ", "1", "true", '{"a": 1}', "&lt;", "\u2028", "é"),
]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join) | st.text(max_size=60)
cuts = st.lists(st.integers(0, 400), max_size=12)


def split(text: str, at: Iterable[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


@settings(max_examples=400, deadline=None)
@given(texts, cuts)
@example(f"`\n{CALL}`", [1, 2])
def test_no_cut_matters(text: str, at: list[int]) -> None:
    whole = parse([text])
    assert parse(split(text, at)) == whole
    assert parse(list(text)) == whole


whole_calls = st.lists(st.sampled_from([*CODE, CALL, BLOCK, "word", "<pod>"]), max_size=25).map("".join)


@settings(max_examples=400, deadline=None)
@given(whole_calls)
def test_code_is_told_from_calls_as_by_one_who_sees_the_whole_text(text: str) -> None:
    assert parse(list(text)) == reference(text)


@settings(max_examples=400, deadline=None)
@given(texts)
def test_nothing_complete_is_shown_outside_of_code(text: str) -> None:
    assert COMPLETE.search(without_code(shown(parse(list(text))))) is None


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="<>/`~ \nabfi:=\"'-", max_size=80))
def test_text_without_a_whole_tag_comes_out_unchanged(text: str) -> None:
    assert shown(parse(list(text))) == text
    assert shown(parse([text])) == text


# A second reading of what is code, slow and simple: it sees the whole text and looks ahead as far as it likes.

FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)(?=\n|\Z)")
COMPLETE = re.compile(
    r"<(?:\w+:)?invoke name=[\"'](?:pod_logs|get_events)[\"']>"
    r"(?:\s*<parameter name=\"\w+\">(?:(?!</parameter>).)*</parameter>)*\s*</invoke>"
    r"|<invoke name=\"get_events\"/>",
    re.DOTALL,
)


def code_at(text: str, at: int, *, is_line_start: bool) -> int:
    """Where the code ends that begins there; `at` if none does."""
    if is_line_start and (fence := FENCE.match(text, at)):
        mark = fence[1] or fence[2]
        closing = re.compile(rf"\n[ \t>]*{mark[0]}{{{len(mark)},}}[ \t\r]*(?=\n)")
        end = closing.search(text, fence.end())
        return end.end() if end else len(text)
    if text.startswith("<function_results>", at):
        end_of_results = text.find("</function_results>", at)
        return end_of_results + len("</function_results>") if end_of_results >= 0 else len(text)
    run = re.compile("`+").match(text, at)
    if run is None:
        return at
    line_end = text.find("\n", at) if "\n" in text[at:] else len(text)
    same = (
        other.end() for other in re.compile("`+").finditer(text, run.end(), line_end) if len(other[0]) == len(run[0])
    )
    return next(same, run.end())


def pieces_of(text: str, marks: Sequence[str] = ()) -> Iterable[tuple[str, bool]]:
    """(a character, a whole piece of code, or one of `marks` outside of code; whether it is code)."""
    at, is_line_start = 0, True
    while at < len(text):
        mark = next((mark for mark in marks if text.startswith(mark, at)), "")
        end = code_at(text, at, is_line_start=is_line_start)
        piece = mark or text[at : max(end, at + 1)]
        yield piece, end > at
        at += len(piece)
        is_line_start = bool(mark) or piece.endswith("\n")


def without_code(text: str) -> str:
    return "".join("#" if is_code else piece for piece, is_code in pieces_of(text))


def reference(text: str) -> list[Any]:
    items: list[Any] = []
    for piece, _ in pieces_of(text, (CALL, BLOCK)):
        if piece in (CALL, BLOCK):
            items.append(("pod_logs", {"pod": "web-1"}))
        else:
            before = shown(items)
            is_cut = bool(items) and isinstance(items[-1], tuple)
            is_broken = not before or before.endswith("\n") or piece.startswith("\n")
            items += ["\n"] if is_cut and not is_broken else []
            items.append(piece)
    return joined(items)


# Speed

HOSTILE = {
    "angles": "<",
    "blocks": "<function_calls>",
    "calls begun": '<invoke name="pod_logs">',
    "calls begun with a value": '<invoke name="pod_logs"><parameter name="p">',
    "values begun": '<parameter name="p">',
    "calls and closers": f"{CALL}</invoke>",
    "prefixes": "<a:",
    "attributes": "<invoke name=",
    "ends": "</parameter",
    "ticks": "`",
    "fences": "```",
    "fences on lines": "```\n",
    "ticks and markup": f"`<x>{CALL}``\n",
    "spans that stay open": '`<invoke name="pod_logs">``',
    "spaces": " ",
    "tildes": "~",
    "lines of tildes": "~~~\n",
    "quotes": "> ",
    "results": "<function_results>",
}


def lines_run(run: Callable[[], None]) -> int:
    """How many lines of Python it takes."""
    lines = 0

    def count(frame: object, event: str, arg: object) -> Any:
        nonlocal lines
        lines += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        run()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_the_steps_are_linear_in_the_length(unit: str, size: int) -> None:
    def steps(length: int) -> int:
        return lines_run(lambda: parse_only(pieces_of_length(unit, length, size)))

    assert steps(8_000) < 4.6 * steps(2_000) + 2_000


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("size", [5, 10_000_000])
def test_the_time_is_linear_in_the_length(unit: str, size: int) -> None:
    def seconds(length: int) -> float:
        pieces = pieces_of_length(unit, length, size)
        return min(timed(pieces) for _ in range(2))

    assert seconds(200_000) < 8 * seconds(50_000) + 0.05  # four, if the machine did nothing else; quadratic is sixteen


def test_runs_that_close_nothing_are_looked_at_once() -> None:
    def seconds_a_character(count: int) -> float:
        line = "".join("`" * size + '<invoke name="get_events"/>' for size in range(1, count))
        return min(timed([line]) for _ in range(3)) / len(line)

    assert seconds_a_character(1_600) < seconds_a_character(200)  # backquotes are cheaper than calls


def test_plain_text_passes_quickly() -> None:
    text = "The pod web-1 restarts because its probe fails. " * 400_000
    big = [text[at : at + 65_536] for at in range(0, len(text), 65_536)]
    assert len(text) / timed(big) > 20e6
    small = [text[at : at + 5] for at in range(0, 1_000_000, 5)]
    assert len(small) / min(timed(small) for _ in range(3)) > 200_000


def pieces_of_length(unit: str, length: int, size: int) -> list[str]:
    text = (unit * length)[:length]
    return [text[at : at + size] for at in range(0, length, size)]


def parse_only(pieces: Iterable[str]) -> None:
    parser = MarkupParser(NAMES)
    for piece in pieces:
        parser.feed(piece)
    parser.finish()


def timed(pieces: Iterable[str]) -> float:
    begin = time.process_time()
    parse_only(pieces)
    return time.process_time() - begin
