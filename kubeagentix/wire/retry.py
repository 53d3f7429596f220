"""Our own retry, in place of the SDKs': seen (a Notice), cancellable, and only while nothing has been shown yet."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from kubeagentix.domain.events import ModelEvent, Notice
from kubeagentix.errors import ModelTimeoutError, ProviderError

NO_RETRY = "no_retry"  # detail of an error whose server says that asking again is of no use

Attempt = Callable[[], AsyncGenerator[ModelEvent, None]]
Adjust = Callable[[ProviderError], Notice | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently. A server that wants more patience than `cap_s` is not asked again.

    Source: `retry-after` may be an hour or more for a plan that is used up; a notebook cell must not wait for it.
    """

    attempts: int = 3
    first_s: float = 1.0
    cap_s: float = 30.0

    def wait_s(self, error: ProviderError, number: int) -> float | None:
        """How long to wait before attempt `number + 1`, or None to give up.

        Silence is not asked for a second time: it has cost its full timeout already.
        """
        if number >= self.attempts or not error.retryable or error.detail == NO_RETRY:
            return None
        if isinstance(error, ModelTimeoutError):
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.cap_s else None
        backoff_s = self.first_s * 2 ** (number - 1)
        return float(min(self.cap_s, backoff_s * random.uniform(1.0, 1.25)))  # noqa: S311  spreads retries, no secret


async def retried(
    attempt: Attempt, policy: RetryPolicy, deadline_s: float, adjust: Adjust | None = None
) -> AsyncGenerator[ModelEvent, None]:
    """The events of `attempt`, started again where that may help.

    `adjust` may change what the next attempt asks, and says so by a Notice; the next one then comes at once.
    """
    started, number = time.monotonic(), 1
    while True:
        is_shown = False
        try:
            async with aclosing(attempt()) as events:
                async for event in events:
                    is_shown = True
                    yield event
            return
        except ProviderError as error:
            if is_shown:
                raise
            notice = adjust(error) if adjust is not None else None
            wait_s = 0.0 if notice else policy.wait_s(error, number)
            if wait_s is None or time.monotonic() - started + wait_s >= deadline_s:
                raise
            if notice is None:
                number += 1
                again = f"trying again in {wait_s:.0f} s" if wait_s >= 1 else "trying again"
                notice = Notice(code="retry", message=f"{error.message}; {again} ({number} of {policy.attempts})")
        yield notice
        await asyncio.sleep(wait_s)
