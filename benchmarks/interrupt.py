"""How long a cell goes on after an interrupt, over the Jupyter protocol, as ■ sends it; medians of several runs.

`%kdx` waits for an API server that takes connections and is silent, `%%kchat` for a model that is.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

from kubeagentix.cluster import archive
from kubeagentix.testing import snapshot_of

KUBECONFIG = (
    "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    "clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n"
)
IN_S = 60.0
LATER_S = 0.3  # after somebody has connected: by then the request is under way


class Silent:
    """A server that takes every connection and says nothing."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listening.getsockname()[1])
        self.was_asked = threading.Event()
        self._taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            self._taken.append(self._listening.accept()[0])
            self.was_asked.set()


@contextmanager
def kernel(folder: Path, server: Silent) -> Iterator[tuple[Any, Any]]:
    """A kernel with the extension, in a home of its own; its manager and its client."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "OPENAI", "ANTHROPIC"))},
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "KUBEAGENTIX_OPENAI_BASE_URL": f"http://127.0.0.1:{server.port}/v1",
        "OPENAI_API_KEY": "dummy-key",
    }
    manager, client = start_new_kernel(env=environ)
    try:
        client.execute("%load_ext kubeagentix", reply=True, timeout=IN_S)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def seconds(manager: Any, client: Any, server: Silent, cell: str) -> float:
    """From the interrupt of that cell to its end, after which the kernel takes the next."""
    server.was_asked.clear()
    client.execute(cell)
    assert server.was_asked.wait(IN_S), "nobody was asked"
    time.sleep(LATER_S)
    assert not client.shell_channel.msg_ready(), f"it has ended already: {client.get_shell_msg(timeout=IN_S)}"
    began = time.perf_counter()
    manager.interrupt_kernel()
    client.get_shell_msg(timeout=IN_S)
    took = time.perf_counter() - began
    reply = client.execute("40 + 2", reply=True, timeout=IN_S)
    assert reply["content"]["status"] == "ok"
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder, server = Path(name), Silent()
        kubeconfig, snapshot = folder / "kubeconfig", str(folder / "one.snapshot")
        kubeconfig.write_text(KUBECONFIG.format(port=server.port))
        archive.save(snapshot_of({"kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}}), snapshot)
        cells = {
            "kdx": f"%kdx -A --kubeconfig {kubeconfig}",
            "kchat": f"%%kchat --provider openai --no-history --snapshot {snapshot}\nwhy?",
        }
        with kernel(folder, server) as (manager, client):
            found = {
                name: [seconds(manager, client, server, cell) for _ in range(runs + 1)][1:]  # the first one loads
                for name, cell in cells.items()
            }
    medians = {f"{name}_median_s": round(statistics.median(times), 2) for name, times in found.items()}
    longest = {f"{name}_longest_s": round(max(times), 2) for name, times in found.items()}
    print(json.dumps({"runs": runs, **medians, **longest}))


if __name__ == "__main__":
    main()
