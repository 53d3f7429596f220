"""One bridge: a socat that listens at a loopback address of the container and leads to the host.

A thread waits for it and starts it again, each time after a longer pause while it does not last.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from kubeagentix.container.endpoints import joined
from kubeagentix.container.gateways import Gateway
from kubeagentix.container.listening import Listening, is_listening
from kubeagentix.container.notes import Note, problem

CONNECT_TIMEOUT_S = 10
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
LASTING_S = 60.0  # who lived so long starts with a short pause again
START_TIMEOUT_S = 5.0
END_TIMEOUT_S = 2.0
_LOOK_S = 0.01


class Bridge:
    """Listens at `listening` and leads to `port` of the host. `tell` hears of each end and each start after it."""

    def __init__(self, listening: Listening, gateway: Gateway, port: int, tell: Callable[[Note], None]) -> None:
        self.listening = listening
        self.gateway = gateway
        self.port = port
        self.restarts = 0
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()  # of all its processes so far: connections outlive the one that took them
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name=f"bridge {port}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the socat that listens, or of the last one."""
        return self._process.pid if self._process else None

    @property
    def place(self) -> str:
        """Where it listens."""
        return joined(self.listening.address, self.listening.port)

    @property
    def target(self) -> str:
        """Where it leads to."""
        return joined(self.gateway.name, self.port)

    def start(self) -> bool:
        """Starts it and returns whether it listens. Raises OSError where there is no socat."""
        self._spawn()
        is_there = self._wait_until_listening()
        self._thread.start()
        return is_there

    def stop(self) -> None:
        """Ends it with all its connections."""
        with self._lock:
            self._ended.set()
            process = self._process
        self._signal(signal.SIGTERM)
        if process is not None:
            try:
                process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                process.wait()
        if self._thread.is_alive():
            self._thread.join()

    def _command(self) -> list[str]:
        to = self.listening
        family = 6 if ":" in to.address else 4
        bind = f"[{to.address}]" if family == 6 else to.address
        family_there = 6 if ":" in self.gateway.address else 4
        # By name, as its address may change while the container sleeps.
        name = f"[{self.gateway.name}]" if ":" in self.gateway.name else self.gateway.name
        return [
            "socat",
            f"TCP{family}-LISTEN:{to.port},bind={bind},reuseaddr,fork,backlog=128",
            f"TCP{family_there}:{name}:{self.port},connect-timeout={CONNECT_TIMEOUT_S},keepalive",
        ]

    def _spawn(self) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            # In a group of its own: it shall outlive Ctrl-C, and end with its connections when we say so.
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            self._groups.add(self._process.pid)

    def _wait_until_listening(self) -> bool:
        until = time.monotonic() + START_TIMEOUT_S
        process = self._process
        while process is not None and process.poll() is None and time.monotonic() < until:
            if is_listening(self.listening.address, self.listening.port):
                return True
            time.sleep(_LOOK_S)
        return False

    def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._ended.is_set():
            assert self._process is not None
            since = time.monotonic()
            code = self._process.wait()
            if time.monotonic() - since > LASTING_S:
                pause_s = FIRST_PAUSE_S
            if self._ended.is_set() or self._again(code, pause_s):
                return
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _again(self, code: int, pause_s: float) -> bool:
        """Starts it once more; whether all has ended meanwhile."""
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if self._ended.wait(pause_s):
            return True
        self.restarts += 1
        try:
            self._spawn()
        except OSError as error:
            self._tell(problem(f"bridge {self.place}: it {how} and cannot be started again: {error.strerror}"))
            return False
        if self._wait_until_listening():
            self._tell(Note(f"bridge {self.place}: it {how} and was started again"))
        elif not self._ended.is_set() and self.restarts == 1:
            self._tell(problem(f"bridge {self.place}: it {how} and does not listen yet", "it is tried again"))
        return False

    def _signal(self, number: int) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
