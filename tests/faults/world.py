"""A demo cluster with one broken workload, served from a thread of its own, whose API server is then made to break."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from kubeagentix.cluster.connection import Cluster, connect
from kubeagentix.demo.faults import Faults
from kubeagentix.demo.running import RunningDemo, start_demo
from kubeagentix.demo.store import Store

SCENARIO, NAMESPACE, WORKLOAD, REASON = "crash-panic", "edge", "limiter", "CrashLoopBackOff/Panic"  # the truth
GET_PODS = f"get pods -n {NAMESPACE}"
START_S = 30


class Place:
    """What a surface needs to know: a kubeconfig, a pod of the broken workload, and how long it may take."""

    def __init__(self, kubeconfig: Path, pod: str, *, patience_s: float = 30.0, kubectl: str = GET_PODS) -> None:
        self.kubeconfig = kubeconfig
        self.pod = pod
        self.patience_s = patience_s
        self.kubectl = kubectl

    def connect(self) -> Cluster:
        return connect(kubeconfig=self.kubeconfig)


class World(Place):
    """The cluster, whose faults can be set while it is asked."""

    def __init__(self, demo: RunningDemo, folder: Path) -> None:
        pods = (str(pod["metadata"]["name"]) for pod in demo.store.list("Pod", NAMESPACE))
        super().__init__(
            demo.write_kubeconfig(folder / "kubeconfig"), next(name for name in pods if name.startswith(WORKLOAD))
        )
        self._demo = demo

    @property
    def faults(self) -> Faults:
        return self._demo.faults

    @property
    def store(self) -> Store:
        return self._demo.store

    def renew_token(self) -> str:
        """Refuses the token in the kubeconfig from now on; the new one."""
        return self._demo.server.renew_token()

    def heal(self) -> None:
        """All is well again, and the kubeconfig's token too."""
        self.faults.clear()
        self._demo.write_kubeconfig(self.kubeconfig)


@contextmanager
def a_world(
    folder: Path, scenarios: Sequence[str] = (SCENARIO,), *, clock_ahead: timedelta = timedelta()
) -> Iterator[World]:
    """Serves a demo cluster as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="demo-server", daemon=True)
    thread.start()
    starting = asyncio.run_coroutine_threadsafe(start_demo(scenarios, clock_ahead=clock_ahead), loop)
    demo = starting.result(START_S)
    try:
        yield World(demo, folder)
    finally:
        asyncio.run_coroutine_threadsafe(demo.close(), loop).result(START_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_S)
        loop.close()
