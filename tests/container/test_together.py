"""Questions at the same time."""

from __future__ import annotations

import threading

from kubeagentix.container import together as module
from kubeagentix.container.together import together


def test_all_are_asked_at_once_and_answered_in_order() -> None:
    met = threading.Barrier(20)

    def ask(number: int) -> int:
        met.wait(30)  # one after the other, nobody would ever pass it
        return number

    questions = [lambda number=number: ask(number) for number in range(20)]
    assert together(questions, within_s=60, unknown=-1) == list(range(20))


def test_whoever_is_late_is_unknown_and_left_alone() -> None:
    released = threading.Event()
    answers = together([lambda: released.wait(60), lambda: True], within_s=0.2, unknown=None)
    released.set()
    assert answers == [None, True]


def test_more_than_can_be_asked_at_a_time_are_all_asked() -> None:
    many = 3 * module.AT_A_TIME
    assert together([lambda: 1] * many, within_s=60, unknown=0) == [1] * many
