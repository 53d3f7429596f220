"""`kx.fleet`: Quick Dx of many clusters at once; blocking, to be awaited, and with each report as it comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubeagentix import sync
from kubeagentix.api import IgnoreLike, ignore_rules
from kubeagentix.arguments import check_names
from kubeagentix.domain.events import Notice, StageChanged
from kubeagentix.errors import UsageError
from kubeagentix.fleet.diagnosis import FleetDiagnosis
from kubeagentix.fleet.members import Members, choose
from kubeagentix.fleet.pools import place_of
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.sweep import Order, Sweep
from kubeagentix.settings import load_settings

MAX_S = 7 * 86400.0
_INTERRUPTED = "the sweep was interrupted before it answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReported:
    """A cluster has been diagnosed, or will not be: `done` of `total`. `so_far` makes the answer of what is there."""

    report: ClusterReport
    done: int
    total: int
    so_far: Callable[[], FleetDiagnosis]


FleetEvent = StageChanged | Notice | ClusterReported
FleetListener = Callable[[FleetEvent], None]


def _unheard(_: FleetEvent) -> None:
    """Listens to nothing."""


def fleet(
    contexts: str | Iterable[str] | None = None,
    *,
    all_contexts: bool = False,
    kubeconfig: str | os.PathLike[str] | None = None,
    kubeconfig_dir: str | os.PathLike[str] | None = None,
    namespace: str | None = None,
    include_lint: bool = False,
    ignore: IgnoreLike | Iterable[IgnoreLike] = (),
    include_ignored: bool = False,
    executor: object = None,
    workers: int | None = None,
    deadline_s: float | None = None,
    total_deadline_s: float | None = None,
    listen: FleetListener = _unheard,
) -> FleetDiagnosis:
    """What is broken in many clusters? Quick Dx of each, and the same incident on many told once.

    The clusters are `contexts` (names, or patterns such as `prod-*`), all of them, or those of each kubeconfig file in
    `kubeconfig_dir`, among which `contexts` may choose. All their namespaces are read, or `namespace` alone.

    `executor` is any `concurrent.futures.Executor`, a Dask `distributed.Client`, or `threads` or `processes` of this
    machine (default: what suits); it has `workers` tasks at a time. What a worker loses is begun again. `deadline_s` is
    for one cluster (default: that of the settings), `total_deadline_s` for all. `listen` gets each report as it comes.
    A cluster that cannot be asked is in `unread` of the answer, with why.

    Interrupted, it returns what is there by then, with `is_complete` False.

    Raises UsageError, KubeconfigError.
    """
    run = prepared(
        contexts,
        all_contexts=all_contexts,
        kubeconfig=kubeconfig,
        kubeconfig_dir=kubeconfig_dir,
        namespace=namespace,
        include_lint=include_lint,
        ignore=ignore,
        include_ignored=include_ignored,
        executor=executor,
        workers=workers,
        deadline_s=deadline_s,
        total_deadline_s=total_deadline_s,
        listen=listen,
    )
    try:
        return sync.run(run.finished())
    except KeyboardInterrupt:
        return run.so_far(is_over=True)


async def afleet(
    contexts: str | Iterable[str] | None = None,
    *,
    all_contexts: bool = False,
    kubeconfig: str | os.PathLike[str] | None = None,
    kubeconfig_dir: str | os.PathLike[str] | None = None,
    namespace: str | None = None,
    include_lint: bool = False,
    ignore: IgnoreLike | Iterable[IgnoreLike] = (),
    include_ignored: bool = False,
    executor: object = None,
    workers: int | None = None,
    deadline_s: float | None = None,
    total_deadline_s: float | None = None,
    listen: FleetListener = _unheard,
) -> FleetDiagnosis:
    """As `fleet`, to be awaited. Cancelled, it raises CancelledError: `so_far` of the last event has what is there."""
    run = prepared(
        contexts,
        all_contexts=all_contexts,
        kubeconfig=kubeconfig,
        kubeconfig_dir=kubeconfig_dir,
        namespace=namespace,
        include_lint=include_lint,
        ignore=ignore,
        include_ignored=include_ignored,
        executor=executor,
        workers=workers,
        deadline_s=deadline_s,
        total_deadline_s=total_deadline_s,
        listen=listen,
    )
    return await sync.arun(run.finished())


def prepared(
    contexts: str | Iterable[str] | None = None,
    *,
    all_contexts: bool = False,
    kubeconfig: str | os.PathLike[str] | None = None,
    kubeconfig_dir: str | os.PathLike[str] | None = None,
    executor: object = None,
    workers: int | None = None,
    listen: FleetListener = _unheard,
    **looked_for: Any,
) -> Run:
    """A sweep that has not begun, for whoever is to have what is there also where it is broken off."""
    chosen = choose(contexts, all_contexts=all_contexts, kubeconfig=kubeconfig, kubeconfig_dir=kubeconfig_dir)
    return Run(chosen, _order(**looked_for), executor, workers, listen)


def _order(
    *,
    namespace: str | None,
    include_lint: bool,
    ignore: IgnoreLike | Iterable[IgnoreLike],
    include_ignored: bool,
    deadline_s: float | None,
    total_deadline_s: float | None,
) -> Order:
    """What is looked for, by the arguments and the settings of this machine. Raises UsageError, ConfigurationError."""
    check_names(namespace=namespace)
    if namespace == "":
        raise UsageError("the namespace is empty", hint="name one, or leave it out")
    if ignore and include_ignored:
        raise UsageError("ignore and include_ignored exclude each other", hint="give one of them")
    for name, value in (("deadline_s", deadline_s), ("total_deadline_s", total_deadline_s)):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 < value <= MAX_S):
            hint = "it must be a number of seconds above 0, and a week at most"
            raise UsageError(f"{name}= is {value!r}", hint=hint)
    settings = load_settings(os.environ)
    return Order(
        namespace=namespace,
        include_lint=include_lint,
        ignore=None if include_ignored else (*settings.ignore, *ignore_rules(ignore)),
        deadline_s=deadline_s if deadline_s is not None else settings.deadline_s,
        total_deadline_s=total_deadline_s,
    )


class Run:
    """One call: the sweep, and the answer of what is there at any time."""

    def __init__(
        self, members: Members, order: Order, executor: object, workers: int | None, listen: FleetListener
    ) -> None:
        askable = sum(member.access is not None for member in members.members)
        place = place_of(executor, workers, clusters=askable, deadline_s=order.deadline_s)
        self._notices = [*members.notices, *place.notices]
        self._listen = listen
        self._sweep = Sweep(members.members, order, place, self._notice)
        self._started_at = datetime.now(UTC)

    async def finished(self) -> FleetDiagnosis:
        """Runs to its end."""
        for line in self._notices:
            self._listen(Notice(code="fleet", message=line))
        total = len(self._sweep.members)
        self._listen(StageChanged(stage="collect", done=0, total=total))
        async with aclosing(self._sweep.run()) as reports:  # whoever listens may raise
            async for report in reports:
                done = len(self._sweep.reports)
                self._listen(StageChanged(stage="collect", done=done, total=total, detail=report.name))
                self._listen(ClusterReported(report=report, done=done, total=total, so_far=self.so_far))
        return self.so_far(is_over=True)

    def _notice(self, line: str) -> None:
        self._notices.append(line)
        self._listen(Notice(code="fleet", message=line))

    def so_far(self, *, is_over: bool = False) -> FleetDiagnosis:
        """The answer of what is there; once it is over, what is missing is said to have been broken off."""
        known = dict(self._sweep.reports)
        left = self._sweep.left(_INTERRUPTED, "interrupted") if is_over else ()
        known |= {report.name: report for report in left}
        reports = tuple(known[member.name] for member in self._sweep.members if member.name in known)
        return FleetDiagnosis(
            reports=reports,
            notices=(*self._notices, *_of_one_cluster(reports)),
            is_complete=len(reports) == len(self._sweep.members)
            and not any(report.code in ("no_time", "interrupted") for report in reports),
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
        )


def _of_one_cluster(reports: Iterable[ClusterReport]) -> list[str]:
    """A line for each name under which a cluster was asked that had been asked under another one."""
    first: dict[str, str] = {}
    known = [item for item in reports if item.identity]
    pairs = [(item.name, first.setdefault(item.identity, item.name)) for item in known]
    return [f"{name} and {other} are one cluster: its incidents count once" for name, other in pairs if name != other]
