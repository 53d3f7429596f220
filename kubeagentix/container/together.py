"""Questions that are asked at the same time, so that those who stay silent hold nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

AT_A_TIME = 64
Answer = TypeVar("Answer")


def together(questions: Sequence[Callable[[], Answer]], *, within_s: float, unknown: Answer) -> list[Answer]:
    """The answer to each, in order; `unknown` for what is not known in time, which is then left alone."""
    answers = [unknown] * len(questions)
    waiting = iter(list(enumerate(questions)))
    lock, until = threading.Lock(), time.monotonic() + within_s

    def work() -> None:
        while time.monotonic() < until:
            with lock:
                number, question = next(waiting, (-1, None))
            if question is None:
                return
            answers[number] = question()

    threads = [threading.Thread(target=work, name="question", daemon=True) for _ in questions[:AT_A_TIME]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(answers)
