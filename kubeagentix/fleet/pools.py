"""Where the work of a fleet is done: threads or processes of this machine, or whatever executor is brought along."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubeagentix.cluster.session import is_loopback
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.fleet.local import LocalPool
from kubeagentix.own_analyzers import own_analyzers

THREADS, PROCESSES = "threads", "processes"
# A process takes half a second of a processor to come up, which is what some clusters of 1,000 pods take.
FEW = 4
LIMIT_S = 60.0  # past a cluster's deadline, for what was read to be analyzed
IN_FLIGHT = (
    256  # tasks that an executor of somebody else's has at a time: it queues them, and has more workers or fewer
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An executor, how many tasks it is given at a time, and whether it is ours to shut down."""

    executor: Executor
    at_a_time: int
    is_own: bool
    notices: tuple[str, ...] = ()


def place_of(executor: object, workers: int | None, *, clusters: int, deadline_s: float) -> Place:
    """The place that `executor` is or names: `threads`, `processes`, None for what suits. Raises UsageError."""
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise UsageError(f"workers= is {workers!r}", hint="it must be a number above 0")
    in_the_open: tuple[str, ...] = ()
    if not isinstance(executor, Executor | type) and hasattr(executor, "get_executor"):  # a Dask client
        in_the_open, executor = _in_the_open(executor), executor.get_executor()
    if isinstance(executor, Executor):
        notices = () if isinstance(executor, ThreadPoolExecutor) else (*in_the_open, *_left_at_home())
        return Place(executor=executor, at_a_time=workers or IN_FLIGHT, is_own=False, notices=notices)
    if executor is None:
        executor = THREADS if clusters <= FEW or own_analyzers() or not sys.executable else PROCESSES
    count = min(workers or processors(), max(1, clusters))
    if executor == THREADS:
        pool = ThreadPoolExecutor(count, thread_name_prefix="kubeagentix-fleet")
        return Place(executor=pool, at_a_time=count, is_own=True)
    if executor == PROCESSES:
        return local(count, deadline_s, notices=_left_at_home())
    hint = f"an Executor, a Dask client, {THREADS!r} or {PROCESSES!r}"
    raise UsageError(f"executor= takes no {type(executor).__name__}", hint=hint)


def local(workers: int, deadline_s: float, *, notices: tuple[str, ...] = ()) -> Place:
    """Processes of this machine."""
    pool = LocalPool(workers, limit_s=deadline_s + LIMIT_S)
    return Place(executor=pool, at_a_time=workers, is_own=True, notices=notices)


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_the_open(client: Any) -> tuple[str, ...]:
    """Credentials go to the workers of a Dask client: by tcp:// whoever is on the way can read them."""
    address = str(getattr(getattr(client, "scheduler", None), "address", ""))
    if not address.startswith(("tcp://", "ws://")) or is_loopback(address):
        return ()
    return (f"credentials go to {excerpt(address, 80)} in the open: a scheduler with tls:// keeps them to itself",)


def _left_at_home() -> tuple[str, ...]:
    """Analyzers of a notebook or a script are not where other processes look; those of packages are."""
    own = [plugin.id for plugin in own_analyzers() if plugin.analyze.__module__ == "__main__"]
    if not own:
        return ()
    return (f"analyzers of this session do not run on workers: {', '.join(own)} (executor='threads' runs them)",)
