"""Runs the checks beside each other; none can hold up, break or silence another.

A check is a coroutine that tells results one by one, so that what it has told stands also when its time is up. What
blocks runs on daemon threads, which nobody waits for: a file on a server that is gone must not keep the program.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from kubeagentix.cluster.workers import Workers
from kubeagentix.doctor.results import CheckResult, Checkup, State
from kubeagentix.errors import KubeAgentiXError, excerpt

T = TypeVar("T")

LIMIT_S = 12.0  # for a check that asks nothing of the network
TIMEOUT_S = 5.0  # for one request to an API server
THREADS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is looked at. `root` is where files of the system are looked for, such as /proc.

    `server_version` is that of the current context's API server once that has answered; empty if it did not.
    """

    environ: Mapping[str, str]
    context: str | None = None
    kubeconfig: str | None = None
    all_contexts: bool = False
    test: bool = False
    timeout_s: float = TIMEOUT_S
    root: Path = Path("/")
    server_version: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    shared: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    workers: Workers = field(default_factory=lambda: Workers(THREADS, name="kubeagentix doctor"))

    async def once(self, name: str, job: Callable[[], T]) -> T:
        """What a blocking `job` of that name returns, or raises, for all checks that ask for it; it runs once."""
        if name not in self.shared:
            self.shared[name] = asyncio.ensure_future(self.in_thread(job))
            self.shared[name].add_done_callback(_heed)
        return cast("T", await asyncio.shield(self.shared[name]))

    async def in_thread(self, job: Callable[[], T]) -> T:
        """What a blocking `job` returns; it is left alone where nobody waits any more."""
        return await asyncio.wrap_future(self.workers.submit(job))


def _heed(future: asyncio.Future[Any]) -> None:
    """Takes note of an error, for which there may be nobody left to ask."""
    if not future.cancelled():
        future.exception()


class Tell:
    """How a check says what it has seen: `tell.ok("kubectl", "1.37.2")`, `tell.failed(what, seen, do)`."""

    def __init__(self, check: str) -> None:
        self._check = check
        self.results: list[CheckResult] = []

    def ok(self, what: str, seen: str, do: str = "") -> None:
        """It is as it should be."""
        self._add("ok", what, seen, do)

    def warning(self, what: str, seen: str, do: str = "", *, code: str = "") -> None:
        """It works, but not as meant, or not for long."""
        self._add("warning", what, seen, do, code)

    def failed(self, what: str, seen: str, do: str = "", *, code: str = "") -> None:
        """Something cannot be used until that is mended."""
        self._add("failed", what, seen, do, code)

    def absent(self, what: str, seen: str, do: str = "", *, code: str = "") -> None:
        """Something is not there, or was not looked at, which may be what is wanted."""
        self._add("not there", what, seen, do, code)

    def error(self, what: str, error: KubeAgentiXError, *, is_failure: bool = True) -> None:
        """What an error says, and what it advises."""
        (self.failed if is_failure else self.warning)(what, error.message, error.hint, code=error.code)

    def _add(self, state: State, what: str, seen: str, do: str, code: str = "") -> None:
        result = CheckResult(check=self._check, state=state, what=what, seen=seen, do=do, code=code)
        self.results.append(result.cleaned())


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A named check, and the most that it may take."""

    name: str
    run: Callable[[Surroundings, Tell], Awaitable[None]]
    limit_s: Callable[[Surroundings], float] = lambda _: LIMIT_S


async def examine(checks: Sequence[Check], about: Surroundings) -> Checkup:
    """All of them; whatever one does, the others' results are there."""
    started = time.perf_counter()
    found = await asyncio.gather(*(_examined(check, about) for check in checks))
    results = tuple(result for one in found for result in one)
    return Checkup(results=results, elapsed_s=time.perf_counter() - started)


async def _examined(check: Check, about: Surroundings) -> Sequence[CheckResult]:
    tell, limit_s = Tell(check.name), check.limit_s(about)
    try:
        async with asyncio.timeout(limit_s):
            await check.run(about, tell)
    except TimeoutError:
        tell.warning("the rest of it", f"was not known within {limit_s:g} s", "look again", code="timeout")
    except KubeAgentiXError as error:
        tell.error("the check", error)
    except Exception as error:  # noqa: BLE001  a check that breaks is itself a result
        seen = f"broke off: {type(error).__name__}: {excerpt(str(error), 160)}"
        tell.warning("the rest of it", seen, "please report it with this line", code="broken")
    return tell.results
