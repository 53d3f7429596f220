"""One sweep over a fleet: tasks go out, reports come in as they are ready, and lost work goes out again.

Each member is told exactly once, whatever happens: with its report, or with why there is none. What an executor raises
is lost work (a worker that died, a connection to it that broke) and is begun again elsewhere, a few times at most; an
executor that is broken for good is replaced by processes of this machine, which is told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.errors import KubeAgentiXError, excerpt
from kubeagentix.fleet.access import HandedAccess, hand_over
from kubeagentix.fleet.local import WorkerHungError
from kubeagentix.fleet.members import Member
from kubeagentix.fleet.pools import Place, local, processors
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.task import Task, work

ATTEMPTS = 3
AHEAD = 8  # accesses that are got ready while all workers are busy: an exec plugin may take a second
PLUGINS = 8  # that run beside each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is looked for in every cluster, and until when. `deadline_s` is for one, `total_deadline_s` for all."""

    namespace: str | None = None
    include_lint: bool = False
    ignore: tuple[IgnoreRule, ...] | None = ()
    deadline_s: float = 60.0
    total_deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Try:
    member: Member
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class _Lost:
    """Work that has to be begun again; `executor` is the one that is of no use any more, if it is not."""

    of: _Try
    why: str
    executor: Executor | None = None


class Sweep:
    """One sweep. `reports` may be read while it runs, and after it was broken off."""

    def __init__(
        self, members: Sequence[Member], order: Order, place: Place, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        self.members = tuple(members)
        self.reports: dict[str, ClusterReport] = {}
        self._order = order
        self._place = place
        self._notice = notice
        self._where = {member.name: member.where for member in self.members}
        self._waiting = deque(_Try(member) for member in self.members if member.access is not None)
        self._busy: set[asyncio.Task[ClusterReport | _Lost]] = set()
        self._slots = asyncio.Semaphore(place.at_a_time)
        self._plugins = ThreadPoolExecutor(PLUGINS, thread_name_prefix="kubeagentix-access")

    async def run(self) -> AsyncIterator[ClusterReport]:
        """The reports as they come, one for each member. Cancelled, it leaves what is there in `reports`."""
        deadline = None if self._order.total_deadline_s is None else time.monotonic() + self._order.total_deadline_s
        try:
            for member in self.members:
                if member.access is None:
                    yield self._told(ClusterReport(name=member.name, why=member.why, code="kubeconfig"))
            while self._waiting or self._busy:
                self._begin()
                left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
                done, self._busy = await asyncio.wait(self._busy, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                for outcome in [task.result() for task in done]:
                    if (report := self._settled(outcome)) is not None:
                        yield self._told(report)
                if not done:  # time is up
                    break
            limit_s = self._order.total_deadline_s or 0
            for report in self.left(f"there was no answer within {limit_s:g} s for all", "no_time"):
                yield self._told(report)
        finally:
            await self._end()

    def left(self, why: str, code: str) -> list[ClusterReport]:
        """A report for each member that has none, which says why."""
        return [
            ClusterReport(name=item.name, server=item.access.server if item.access else "", why=why, code=code)
            for item in self.members
            if item.name not in self.reports
        ]

    def _told(self, report: ClusterReport) -> ClusterReport:
        assert report.name not in self.reports, "each cluster is told once"
        told = replace(report, where=self._where[report.name])
        self.reports[report.name] = told
        return told

    def _begin(self) -> None:
        while self._waiting and len(self._busy) < self._place.at_a_time + AHEAD:
            self._busy.add(asyncio.create_task(self._ask(self._waiting.popleft())))

    def _settled(self, outcome: ClusterReport | _Lost) -> ClusterReport | None:
        """The report to tell; None if the work is to be begun again."""
        if isinstance(outcome, ClusterReport):
            return outcome
        if outcome.executor is not None and outcome.executor is self._place.executor:
            self._replace(outcome.why)
        attempt = outcome.of.attempt
        if attempt < ATTEMPTS:
            self._waiting.append(_Try(outcome.of.member, attempt + 1))
            return None
        member = outcome.of.member
        why = f"it was begun {attempt} times and lost each time: {outcome.why}"
        server = member.access.server if member.access is not None else ""
        return ClusterReport(name=member.name, server=server, why=why, code="lost", attempts=attempt)

    def _replace(self, why: str) -> None:
        """Takes processes of this machine for the executor that is broken."""
        self._notice(f"the executor is broken ({why}): what is left is done by processes of this machine")
        if self._place.is_own:
            self._place.executor.shutdown(wait=False, cancel_futures=True)
        workers = min(self._place.at_a_time, processors())
        self._place = local(workers, self._order.deadline_s)
        self._slots = asyncio.Semaphore(workers)

    async def _ask(self, asked: _Try) -> ClusterReport | _Lost:
        member = asked.member
        assert member.access is not None
        loop = asyncio.get_running_loop()
        try:
            access = await loop.run_in_executor(self._plugins, hand_over, member.access)
        except KubeAgentiXError as error:
            return ClusterReport(name=member.name, server=member.access.server, why=str(error), code=error.code)
        async with self._slots:
            return await self._worked(asked, self._task(member, access))

    def _task(self, member: Member, access: HandedAccess) -> Task:
        order = self._order
        return Task(
            name=member.name,
            access=access,
            namespace=order.namespace,
            include_lint=order.include_lint,
            ignore=order.ignore,
            deadline_s=order.deadline_s,
        )

    async def _worked(self, asked: _Try, task: Task) -> ClusterReport | _Lost:
        executor = self._place.executor
        try:
            future = executor.submit(work, task)
        except Exception as error:  # noqa: BLE001  of any kind of executor
            return _Lost(asked, _words(error), executor)
        try:
            report = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            return _Lost(asked, "the executor cancelled it")
        except WorkerHungError as error:
            return ClusterReport(name=task.name, server=task.access.server, why=str(error), code=error.code)
        except BrokenExecutor as error:
            return _Lost(asked, _words(error), executor)
        except Exception as error:  # noqa: BLE001  work itself raises nothing, so the executor lost it
            return _Lost(asked, _words(error))
        report = replace(report, attempts=asked.attempt)
        return _Lost(asked, report.why) if report.is_lost and asked.attempt < ATTEMPTS else report

    async def _end(self) -> None:
        """Stops what is under way, which nobody waits for any more."""
        busy, self._busy = self._busy, set()
        for task in busy:
            task.cancel()
        if self._place.is_own:
            self._place.executor.shutdown(wait=False, cancel_futures=True)
        self._plugins.shutdown(wait=False, cancel_futures=True)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*busy, return_exceptions=True)


def _words(error: BaseException) -> str:
    if isinstance(error, KubeAgentiXError):
        return error.message
    return excerpt(f"{type(error).__name__}: {error}".rstrip(": "), 160)
