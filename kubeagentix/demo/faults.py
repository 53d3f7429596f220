"""Injected faults: what a slow, overloaded or breaking API server does, settable while the server runs."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from kubeagentix.demo.mishaps import Dropped, Mishap, Refused


@dataclass(slots=True, kw_only=True)
class FaultRule:
    """Requests whose method and URL match `pattern` meet with a mishap.

    `remaining` counts down to 0, None is without end; `probability` is that of each matching request; the first
    `after` of them are spared.
    """

    pattern: re.Pattern[str]
    mishap: Mishap
    remaining: int | None = None
    probability: float = 1.0
    after: int = 0

    def strikes(self, subject: str, chance: random.Random) -> bool:
        """Whether this request is struck; counts it."""
        if self.remaining == 0 or not self.pattern.search(subject) or chance.random() >= self.probability:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on: a delay before every answer, and rules of which requests meet with what."""

    latency_s: float = 0.0
    rules: list[FaultRule] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  faults, not secrets

    def strike(
        self, pattern: str, mishap: Mishap, *, count: int | None = None, probability: float = 1.0, after: int = 0
    ) -> FaultRule:
        """Let a mishap befall requests whose `METHOD /path?query` the regular expression is found in; the rule.

        The newest rule that strikes is the one that counts.
        """
        rule = FaultRule(
            pattern=re.compile(pattern), mishap=mishap, remaining=count, probability=probability, after=after
        )
        self.rules.insert(0, rule)
        return rule

    def fail(
        self,
        pattern: str,
        status: int,
        *,
        count: int | None = None,
        probability: float = 1.0,
        retry_after_s: int | None = 1,
    ) -> FaultRule:
        """Let matching requests fail with that HTTP status; 0 cuts the connection without an answer. See `strike`.

        `retry_after_s` is told with 429.
        """
        refused = Refused(status=status, retry_after=retry_after_s if status == 429 else None)
        return self.strike(pattern, refused if status else Dropped(), count=count, probability=probability)

    def clear(self) -> None:
        """All is well again."""
        self.latency_s = 0.0
        self.rules.clear()

    def striking(self, method: str, url: str) -> FaultRule | None:
        """The rule that strikes this request, if any."""
        subject = f"{method} {url}"
        return next((rule for rule in self.rules if rule.strikes(subject, self.chance)), None)
