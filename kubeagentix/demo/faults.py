"""Injected faults: what a slow, overloaded or breaking API server does, settable while the server runs."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class FailRule:
    """Requests whose method and URL match `pattern` fail.

    `status` is the HTTP code, or 0 for a connection that is cut. `remaining` counts down to 0, None is without end;
    `probability` is that of each matching request.
    """

    pattern: re.Pattern[str]
    status: int
    retry_after_s: int = 1
    remaining: int | None = None
    probability: float = 1.0

    def strikes(self, subject: str, chance: random.Random) -> bool:
        """Whether this request fails; counts it."""
        if self.remaining == 0 or not self.pattern.search(subject) or chance.random() >= self.probability:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on: a delay before every answer, and rules of which requests fail how."""

    latency_s: float = 0.0
    rules: list[FailRule] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  faults, not secrets

    def fail(
        self,
        pattern: str,
        status: int,
        *,
        count: int | None = None,
        probability: float = 1.0,
        retry_after_s: int = 1,
    ) -> FailRule:
        """Let requests fail whose `METHOD /path?query` the regular expression is found in; returns the rule.

        `status` 0 cuts the connection without an answer.
        """
        rule = FailRule(
            pattern=re.compile(pattern),
            status=status,
            retry_after_s=retry_after_s,
            remaining=count,
            probability=probability,
        )
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """All is well again."""
        self.latency_s = 0.0
        self.rules.clear()

    def striking(self, method: str, url: str) -> FailRule | None:
        """The rule that makes this request fail, if any."""
        subject = f"{method} {url}"
        return next((rule for rule in self.rules if rule.strikes(subject, self.chance)), None)
