"""One sweep over a fleet: tasks go out, reports come in as they are ready, and lost work goes out again.

Each member is told exactly once, whatever happens: with its report, or with why there is none. What an executor raises
is lost work (a worker that died, a connection to it that broke) and is begun again elsewhere, a few times at most; an
executor that is broken for good is replaced by processes of this machine, which is told.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from kubeagentix.cluster.identity import EXEC_TIMEOUT_S
from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.cluster.workers import Workers
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.errors import KubeAgentiXError, KubeconfigError, excerpt
from kubeagentix.fleet.access import HandedAccess, address, hand_over, is_slow
from kubeagentix.fleet.ending import Ending
from kubeagentix.fleet.local import WorkerHungError
from kubeagentix.fleet.members import Member
from kubeagentix.fleet.pools import Place, local, processors
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.sealing import call_of
from kubeagentix.fleet.task import Task

ATTEMPTS = 3
SILENCE_S = 60.0  # past a cluster's deadline, for what was read to be analyzed
AHEAD = 8  # accesses that are ready while all workers are busy: an exec plugin may take a second
PROBE_S = 5.0  # of silence of an executor of somebody else's, before it is looked at
PLUGINS = 8  # that run beside each other
FILES_S = 5.0  # past a plugin's time: for a file on a server that is gone, or a pipe that nobody writes to


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
        self._waiting = deque[_Try]()  # those whose access is at hand
        self._slow = deque[_Try]()  # and those whose plugin is to be run before
        for member in self.members:
            self._queue(_Try(member))
        self._asked_for = 0  # plugins that run
        self._heard_at = -math.inf
        self._busy: set[asyncio.Task[ClusterReport | _Lost]] = set()
        self._slots = asyncio.Semaphore(place.at_a_time)
        self._waits: set[asyncio.Event] = set()
        # Threads that nobody waits for, one for each at most: some files can never be read.
        self._readers = Workers(max(1, len(self.members)), name="kubeagentix access")

    def _queue(self, asked: _Try) -> None:
        access = asked.member.access
        if access is not None:
            (self._slow if is_slow(access) else self._waiting).append(asked)

    async def run(self) -> AsyncGenerator[ClusterReport, None]:
        """The reports as they come, one for each member. Cancelled, it leaves what is there in `reports`."""
        self._heard_at = time.monotonic()
        ends_at = self._heard_at + (self._order.total_deadline_s or math.inf)
        try:
            for member in self.members:
                if member.access is None:
                    yield self._told(ClusterReport(name=member.name, why=member.why, code="kubeconfig"))
            while (self._waiting or self._slow or self._busy) and time.monotonic() < ends_at:
                self._begin()
                for outcome in await self._next(ends_at):
                    if (report := self._settled(outcome)) is not None:
                        yield self._told(report)
            limit_s = self._order.total_deadline_s or 0
            for report in self.left(f"there was no answer within {limit_s:g} s for all", "no_time"):
                yield self._told(report)
        finally:
            await self._end()

    async def _next(self, ends_at: float) -> list[ClusterReport | _Lost]:
        """What has come; an executor that says nothing for longer than any task may take is given up."""
        now, is_own = time.monotonic(), self._place.is_own
        silence_s = math.inf if is_own else self._order.deadline_s + SILENCE_S
        wait_s = min(ends_at - now, self._heard_at + silence_s - now, math.inf if is_own else PROBE_S)
        timeout = None if wait_s == math.inf else max(0.0, wait_s)
        done, self._busy = await asyncio.wait(self._busy, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if done:
            self._heard_at = time.monotonic()
        elif time.monotonic() >= self._heard_at + silence_s:
            self._replace(f"it was silent for {silence_s:g} s")
        elif not is_own:
            self._probe()
        return [task.result() for task in done]

    def _probe(self) -> None:
        """Whether the executor still takes work: one that has lost its connection may tell nobody else."""
        try:
            probe = self._place.executor.submit(bool)
        except Exception as error:  # noqa: BLE001  of any kind of executor
            self._replace(_words(error))
        else:
            probe.cancel()

    def left(self, why: str, code: str) -> list[ClusterReport]:
        """A report for each member that has none, which says why."""
        return [
            ClusterReport(name=item.name, server=item.access.server if item.access else "", why=why, code=code)
            for item in self.members
            if item.name not in self.reports
        ]

    def _told(self, report: ClusterReport) -> ClusterReport:
        assert report.name not in self.reports, "each cluster is told once"
        told = replace(report, where=self._where[report.name], server=address(report.server))
        self.reports[report.name] = told
        return told

    def _begin(self) -> None:
        """As many as workers will soon ask for; plugins that hang hold up nobody who needs none."""
        while len(self._busy) - self._asked_for < self._place.at_a_time + AHEAD:
            if self._slow and self._asked_for < PLUGINS:
                self._asked_for += 1
                self._busy.add(asyncio.create_task(self._ask(self._slow.popleft(), is_slow=True)))
            elif self._waiting:
                self._busy.add(asyncio.create_task(self._ask(self._waiting.popleft())))
            else:
                return

    def _settled(self, outcome: ClusterReport | _Lost) -> ClusterReport | None:
        """The report to tell; None if the work is to be begun again."""
        if isinstance(outcome, ClusterReport):
            return outcome
        attempt = outcome.of.attempt
        if outcome.executor is not None:  # which may be through no fault of this work
            if outcome.executor is self._place.executor:
                self._replace(outcome.why)
            self._queue(outcome.of)
            return None
        if attempt < ATTEMPTS:
            self._queue(_Try(outcome.of.member, attempt + 1))
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
        self._heard_at = time.monotonic()
        for is_over in self._waits:  # what it still has will not come
            is_over.set()

    async def _ask(self, asked: _Try, *, is_slow: bool = False) -> ClusterReport | _Lost:
        member = asked.member
        assert member.access is not None
        try:
            access = await self._handed_over(member.access)
        except KubeAgentiXError as error:
            return ClusterReport(name=member.name, server=member.access.server, why=str(error), code=error.code)
        finally:
            self._asked_for -= is_slow
        async with self._slots:
            return await self._worked(asked, self._task(member, access))

    async def _handed_over(self, access: Access) -> HandedAccess:
        ending, limit_s = Ending(), min(EXEC_TIMEOUT_S, self._order.deadline_s)
        job = partial(hand_over, access, timeout_s=limit_s, ending=ending)
        try:
            async with asyncio.timeout(limit_s + FILES_S):
                return await asyncio.wrap_future(self._readers.submit(job))
        except TimeoutError as error:
            ending.tell()
            seen = f"what context {excerpt(access.context, 80)!r} names was not read within {limit_s + FILES_S:g} s"
            raise KubeconfigError(seen, hint="see whether its files, and its login, can be reached") from error
        except asyncio.CancelledError:
            ending.tell()
            raise

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
            function, argument = call_of(executor, task)
            future = executor.submit(function, argument)
        except Exception as error:  # noqa: BLE001  of any kind of executor
            return _Lost(asked, _words(error), executor)
        await self._over(future, task.ending)
        if not future.done():
            task.ending.tell()
            return _Lost(asked, "it was given up with its executor", executor)
        return _outcome(asked, future, executor)

    async def _over(self, future: Future[ClusterReport], ending: Ending) -> None:
        """Waits until it is done, or its executor has been given up."""
        is_over, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(_: object) -> None:
            with suppress(RuntimeError):  # a loop that is closed
                loop.call_soon_threadsafe(is_over.set)

        future.add_done_callback(tell)
        self._waits.add(is_over)
        try:
            await is_over.wait()
        except asyncio.CancelledError:
            future.cancel()
            ending.tell()
            raise
        finally:
            self._waits.discard(is_over)

    async def _end(self) -> None:
        """Stops what is under way, which nobody waits for any more."""
        busy, self._busy = self._busy, set()
        for task in busy:
            task.cancel()
        if self._place.is_own:
            self._place.executor.shutdown(wait=False, cancel_futures=True)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*busy, return_exceptions=True)


def _outcome(asked: _Try, future: Future[ClusterReport], executor: Executor) -> ClusterReport | _Lost:
    """What came of a task that is done; work itself raises nothing, so that an exception is the executor's."""
    try:
        report = replace(future.result(), attempts=asked.attempt)
    except WorkerHungError as error:
        access = asked.member.access
        server = access.server if access is not None else ""
        return ClusterReport(name=asked.member.name, server=server, why=str(error), code=error.code)
    except BrokenExecutor as error:
        return _Lost(asked, _words(error), executor)
    except CancelledError:
        return _Lost(asked, "the executor cancelled it")
    except Exception as error:  # noqa: BLE001  of any kind of executor
        return _Lost(asked, _words(error))
    return _Lost(asked, report.why) if report.is_lost and asked.attempt < ATTEMPTS else report


def _words(error: BaseException) -> str:
    if isinstance(error, ImportError) and (error.name or "").startswith("kubeagentix"):
        return f"its worker has no {error.name}: install the same kubeagentix there"
    if isinstance(error, KubeAgentiXError):
        return str(error)
    return excerpt(f"{type(error).__name__}: {error}".rstrip(": "), 160)
