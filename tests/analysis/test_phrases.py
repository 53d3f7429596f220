"""How failures read in a title."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.phrases import advice_of, phrase_of
from kubeagentix.analysis.signatures import SIGNATURES

UNTOLD = ("ExecFormat", "ExecNotFound")  # they have a finding of their own, with words of its own


@pytest.mark.parametrize("name", [row.name for row in SIGNATURES if row.name not in UNTOLD])
def test_every_kind_of_failure_has_words_with_and_without_what_it_names(name: str) -> None:
    assert phrase_of(name, "", "the line itself")
    assert phrase_of(name, "THING", "the line itself")


def test_the_thing_named_is_in_the_phrase_and_the_line_is_quoted_where_there_are_no_words() -> None:
    assert phrase_of("MissingDatabase", "shop", "x") == "the database shop does not exist"
    assert phrase_of("MissingDatabase", "", "x") == "the database it uses does not exist"
    assert phrase_of("Panic", "", "panic: boom") == "panic: boom"
    assert advice_of("MissingTable").startswith(" Tables")
    assert advice_of("Panic") == ""
