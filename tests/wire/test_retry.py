"""When a model is asked again, and after how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from kubeagentix import errors
from kubeagentix.domain.events import ModelEvent, Notice, TextDelta
from kubeagentix.errors import ProviderError
from kubeagentix.wire.retry import NO_RETRY, RetryPolicy, retried

QUICK = RetryPolicy(first_s=0.001)


class Model:
    """Raises its errors in turn, then says one word; `word_first`: it says it before it raises."""

    def __init__(self, *raised: ProviderError, word_first: bool = False) -> None:
        self.raised = list(raised)
        self.word_first = word_first
        self.asked = 0

    async def attempt(self) -> AsyncGenerator[ModelEvent, None]:
        self.asked += 1
        if self.word_first or len(self.raised) < self.asked:
            yield TextDelta(text="word")
        if len(self.raised) >= self.asked:
            raise self.raised[self.asked - 1]


def run(model: Model, policy: RetryPolicy = QUICK, deadline_s: float = 5.0) -> list[ModelEvent]:
    async def drain() -> list[ModelEvent]:
        return [event async for event in retried(model.attempt, policy, deadline_s)]

    return asyncio.run(drain())


def test_it_is_asked_again_and_says_so() -> None:
    model = Model(errors.OverloadedError("busy"), errors.ConnectionFailedError("broke"))
    first, second, word = run(model)
    assert isinstance(first, Notice)
    assert isinstance(second, Notice)
    assert (first.code, first.message) == ("retry", "busy; trying again (2 of 3)")
    assert second.message == "broke; trying again (3 of 3)"
    assert word == TextDelta(text="word")


def test_after_the_last_attempt_the_error_is_raised() -> None:
    model = Model(*[errors.OverloadedError("busy")] * 5)
    with pytest.raises(errors.OverloadedError):
        run(model)
    assert model.asked == 3


def test_nothing_is_said_twice() -> None:
    model = Model(errors.OverloadedError("busy"), word_first=True)
    with pytest.raises(errors.OverloadedError):
        run(model)
    assert model.asked == 1


@pytest.mark.parametrize(
    "error",
    [
        errors.AuthenticationError("no"),
        errors.QuotaError("no", retry_after_s=0.0),
        errors.ModelTimeoutError("silent"),
        errors.OverloadedError("no", detail=NO_RETRY),
        errors.RateLimitError("later", retry_after_s=31.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_asking_again_does_not_help_is_raised_at_once(error: ProviderError) -> None:
    model = Model(error)
    with pytest.raises(type(error)):
        run(model)
    assert model.asked == 1


def test_the_servers_own_patience_goes_before_ours() -> None:
    policy = RetryPolicy(first_s=1.0, cap_s=30.0)
    assert policy.wait_s(errors.RateLimitError("later", retry_after_s=7.0), 1) == 7.0
    assert 1.0 <= (policy.wait_s(errors.RateLimitError("later"), 1) or 0) <= 1.25
    assert 2.0 <= (policy.wait_s(errors.RateLimitError("later"), 2) or 0) <= 2.5


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    model = Model(errors.RateLimitError("later", retry_after_s=9.0))
    with pytest.raises(errors.RateLimitError):
        run(model, deadline_s=3.0)
    assert model.asked == 1
