from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kubeagentix.recognition.literals import any_of

LETTERS = st.text(alphabet="ab.$", min_size=1, max_size=4)


@given(words=st.lists(LETTERS, min_size=1, max_size=12), text=st.text(alphabet="ab.$c", max_size=40))
def test_it_finds_a_word_wherever_one_begins(words: list[str], text: str) -> None:
    found, plain = any_of(words), re.compile("|".join(map(re.escape, words)))
    begins = [at for at in range(len(text)) if plain.match(text, at)]
    assert [at for at in range(len(text)) if found.match(text, at)] == begins
    first = found.search(text)
    assert (first.start() if first else None) == (begins[0] if begins else None)


def test_of_words_of_which_one_begins_the_other_the_shorter_is_found() -> None:
    found = any_of(["password", "pass", "pat"]).search("the password")
    assert found is not None
    assert found[0] == "pass"
