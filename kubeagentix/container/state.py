"""What was prepared, in a file beside the private kubeconfig, for the doctor: it may run in another process.

    {"version": 1, "pid": 7, "kubeconfig": "/tmp/kubeagentix-1000/kubeconfig",
     "files": ["/home/kubeagentix/.kube/config"],
     "gateway": "host.docker.internal", "is_bridging": true,
     "notes": [{"text": "…", "hint": "…", "is_problem": true}],
     "bridges": [{"endpoint": "127.0.0.1:6443", "contexts": ["kind-dev"], "listens": "127.0.0.1:6443",
                  "leads_to": "host.docker.internal:6443", "answer": "cluster", "why": "", "restarts": 0, "pid": 9}]}

An endpoint that is reached without a bridge has no `listens`. `answer` is that of answering.Kind, or empty.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kubeagentix.container.bridges import Bridges, Route
from kubeagentix.container.notes import Note
from kubeagentix.container.places import STATE_FILE

VERSION = 1


@dataclass(slots=True)
class State:
    """Writes itself down whenever it is told to."""

    folder: Path
    kubeconfig: Path
    notes: list[Note] = field(default_factory=list)
    files: Sequence[Path] = ()
    bridges: Bridges | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self) -> None:
        """Replaces the file, as a whole."""
        with self._lock:
            write_private(self.folder / STATE_FILE, json.dumps(self._content(), indent=1))

    def _content(self) -> dict[str, Any]:
        gateway = self.bridges.gateway if self.bridges else None
        return {
            "version": VERSION,
            "pid": os.getpid(),
            "kubeconfig": str(self.kubeconfig),
            "files": [str(path) for path in self.files],
            "gateway": gateway.name if gateway else "",
            "is_bridging": self.bridges is not None,
            "notes": [asdict(note) for note in self.notes],
            "bridges": [_shown(route) for route in self.bridges.routes] if self.bridges else [],
        }


def _shown(route: Route) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "endpoint": route.endpoint.name,
        "contexts": route.endpoint.contexts,
        "answer": route.answer.kind.value if route.answer else "",
        "why": route.answer.why if route.answer else "",
    }
    bridge = route.bridge
    if bridge is None:
        return shown
    moved = {"listens": bridge.place, "leads_to": bridge.target, "restarts": bridge.restarts, "pid": bridge.pid}
    return {**shown, **moved, "why_moved": bridge.listening.why_moved}


def write_private(path: Path, text: str) -> None:
    """Writes a file that only we can read, and puts it in place as a whole. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
