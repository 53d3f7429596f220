"""A task as an executor is given it whose workers are elsewhere: sealed, so that nothing but the work opens it.

A worker that cannot load a pickle may log all of it (Dask's do), and one whose call failed shows the call's arguments.
So what it loads and shows is a function and a buffer of the standard library. The package is needed inside of the call
only, where its lack, or another version of it, is an error like any other.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from kubeagentix.errors import KubeAgentiXError, excerpt
from kubeagentix.fleet.local import LocalPool
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.task import Task, work


class OtherVersionError(KubeAgentiXError):
    """A worker has another version of this package than the one who asks it."""

    code = "other_version"


class _Sealed:
    """Something whose pickle is opened by doing the work."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (_version(), pickle.dumps(self._task))


def call_of(executor: Executor, task: Task) -> tuple[Callable[[Any], ClusterReport], Any]:
    """The function and the argument that this executor is to be given."""
    if isinstance(executor, ThreadPoolExecutor | LocalPool):  # the same program, or one that this one has started
        return work, task
    return pickle.load, io.BytesIO(pickle.dumps(_Sealed(task)))


def _version() -> str:
    # Looked up, for the package's root knows all that lies above this.
    version: str = sys.modules["kubeagentix"].__version__
    return version


def opened(version: str, data: bytes) -> ClusterReport:
    """Does the work of a task that has arrived. Raises OtherVersionError."""
    if version != _version():
        seen = f"its worker has kubeagentix {_version()}, and here is {excerpt(version, 40)}"
        raise OtherVersionError(seen, hint="install the same on the workers")
    task: Task = pickle.loads(data)  # noqa: S301  it came in a pickle already
    return work(task)
