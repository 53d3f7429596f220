"""A pool of processes on this machine, for work that keeps a processor busy.

Not concurrent.futures' own: that one runs the caller's script again in each process (which a script without a
`__main__` guard, or one from standard input, does not survive), loses the work of all when one process dies, and cannot
end work that is under way. Here each lane is a thread with a process of its own: who dies costs one call and is
replaced.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any, BinaryIO, TypeVar

from kubeagentix.errors import KubeAgentiXError, excerpt
from kubeagentix.fleet.frames import receive, send
from kubeagentix.toolkit.kubectl_program import WITHHELD

T = TypeVar("T")

_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from kubeagentix.fleet.worker import serve; serve()"
_END_S = 5.0  # for a process that has been told to end


class WorkerLostError(KubeAgentiXError):
    """The process that had the work ended before it was done."""

    code = "worker_lost"
    retryable = True


class WorkerHungError(KubeAgentiXError):
    """The process that had the work went on for too long, and was ended."""

    code = "worker_hung"


class LocalPool(Executor):
    """Runs picklable calls in processes of their own. `limit_s`: who takes longer for one call is ended."""

    def __init__(self, workers: int, *, limit_s: float | None = None) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._lanes = [_Lane(self._calls, limit_s) for _ in range(workers)]
        self._is_shut = False

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Of the processes that are there now."""
        return tuple(lane.process.pid for lane in self._lanes if lane.process is not None)

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Begins a call as soon as a lane is free. Raises RuntimeError once the pool is shut down."""
        if named:
            raise TypeError("this pool takes no named arguments")
        future: Future[T] = Future()
        with self._lock:
            if self._is_shut:
                raise RuntimeError("the pool is shut down")
            self._calls.put((future, function, arguments))
            for lane in self._lanes:
                lane.begin()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes; with `cancel_futures` at once, also those that are at work."""
        with self._lock:
            was_shut, self._is_shut = self._is_shut, True
        if not was_shut:
            for _ in self._lanes:
                self._calls.put(None)
        if cancel_futures:
            for lane in self._lanes:
                lane.end_now()
        if wait:
            for lane in self._lanes:
                lane.join()


_Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class _Lane:
    """A thread that hands one call after the other to its process."""

    def __init__(self, calls: queue.SimpleQueue[_Call | None], limit_s: float | None) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._calls = calls
        self._limit_s = limit_s
        self._said: BinaryIO | None = None
        self._is_late = False
        self._is_ending = False
        self._thread = threading.Thread(target=self._serve, name="kubeagentix-fleet", daemon=True)

    def begin(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def end_now(self) -> None:
        self._is_ending = True
        process = self.process
        if process is not None:
            process.kill()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function, arguments = call
            if self._is_ending:
                future.cancel()
            if future.set_running_or_notify_cancel():
                self._carry_out(future, function, arguments)
        self._stop()

    def _carry_out(self, future: Future[Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            is_done, found = self._answer(function, arguments)
        except BaseException as error:  # noqa: BLE001  somebody waits for it
            is_done, found = False, error
        if is_done:
            future.set_result(found)
        else:
            future.set_exception(found)

    def _answer(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        self._is_late = False
        timer = threading.Timer(self._limit_s, self._late) if self._limit_s is not None else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            send(process.stdin, (function, arguments))  # type: ignore[arg-type]
            answer: tuple[bool, Any] = receive(process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError) as error:
            raise self._lost() from error
        finally:
            if timer is not None:
                timer.cancel()
        return answer

    def _late(self) -> None:
        self._is_late = True
        process = self.process
        if process is not None:
            process.kill()

    def _lost(self) -> KubeAgentiXError:
        process, self.process = self.process, None
        code = _ended(process) if process is not None else 0
        if self._is_late:
            return WorkerHungError(f"no result within {self._limit_s:g} s, so its worker was ended")
        said = self._last_line()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return WorkerLostError(f"its worker {how}{f': {said}' if said and code > 0 else ''}")

    def _last_line(self) -> str:
        if self._said is None:
            return ""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 4096))
        lines = self._said.read().decode(errors="replace").splitlines()
        return excerpt(lines[-1]) if lines else ""

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            if self._said is not None:
                self._said.close()
            self._said = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps([path for path in sys.path if isinstance(path, str)])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={key: value for key, value in os.environ.items() if not key.startswith(WITHHELD)},
                start_new_session=True,  # a terminal's Ctrl-C is for the one who asked
            )
            if self._is_ending:  # it was told before there was a process
                self.process.kill()
        return self.process

    def _stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            _ended(process)
        if self._said is not None:
            self._said.close()
            self._said = None


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code, once it has ended: by the end of what it reads, or else by force."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # what was still to be written, to nobody
                stream.close()
    try:
        return process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
