"""An answer that breaks is shown once: however it is cut, and whichever way it comes again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubeagentix.claude_cli.repeats import Shown

texts = st.text(alphabet="ab \n", max_size=12)
sizes = st.lists(st.integers(1, 5), max_size=12)


def pieces(text: str, cuts: list[int]) -> list[str]:
    found = []
    for size in cuts:
        found.append(text[:size])
        text = text[size:]
    return [piece for piece in [*found, text] if piece]


def shown(answer: Shown, text: str, cuts: list[int]) -> str:
    return "".join(answer.add(piece) for piece in pieces(text, cuts))


@given(texts, st.integers(0, 12), sizes, sizes)
def test_an_answer_that_comes_again_whole_is_shown_once(
    text: str, broke_at: int, cuts: list[int], again: list[int]
) -> None:
    answer = Shown()
    seen = shown(answer, text[:broke_at], cuts)
    answer.begin_again()
    seen += shown(answer, text, again)
    assert seen == text == answer.text
    assert not answer.was_broken


@given(texts, st.integers(0, 12), st.integers(0, 12), sizes)
def test_it_may_break_more_than_once(text: str, first: int, second: int, cuts: list[int]) -> None:
    answer = Shown()
    seen = shown(answer, text[:first], cuts)
    answer.begin_again()
    seen += shown(answer, text[:second], cuts)
    answer.begin_again()
    seen += shown(answer, text, cuts)
    assert seen == text == answer.text


@given(texts, texts, sizes, sizes)
def test_the_rest_of_an_answer_is_joined(kept: str, rest: str, cuts: list[int], again: list[int]) -> None:
    answer = Shown()
    seen = shown(answer, kept, cuts)
    answer.settle()
    answer.go_on()
    seen += shown(answer, "c" + rest, again)  # it is no repetition
    assert seen == kept + "c" + rest == answer.text


@given(texts, texts, texts, sizes)
def test_the_rest_may_begin_with_what_was_lost(kept: str, lost: str, rest: str, cuts: list[int]) -> None:
    answer = Shown()
    seen = shown(answer, "k" + kept, cuts)
    answer.settle()
    seen += shown(answer, "l" + lost, cuts)
    answer.go_on()
    seen += shown(answer, "l" + lost + rest, cuts)
    assert seen == "k" + kept + "l" + lost + rest == answer.text


def test_an_answer_that_takes_another_way_is_told_and_counts_from_its_beginning() -> None:
    answer = Shown()
    seen = answer.add("It ran out") + ""
    answer.begin_again()
    seen += answer.add("It was") + answer.add(" killed")
    assert seen == "It ran out\n\nIt was killed"
    assert answer.was_broken
    assert answer.text == "It was killed"


def test_a_later_answer_is_set_apart() -> None:
    answer = Shown(gap="\n\n")
    assert answer.add("Done") + answer.add(".") == "\n\nDone." == answer.text
    assert Shown(gap="\n\n").text == ""
