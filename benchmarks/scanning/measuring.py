"""How a part of the scan is measured: in a process of its own, which says what came of it as one line of JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE_SIZE = 500


def tell(part: Callable[[Path], dict[str, Any]]) -> None:
    """Runs `part` with the kubeconfig of the command line; adds seconds of the clock and the processor, and memory."""
    kubeconfig = Path(sys.argv[1])
    began, worked = time.perf_counter(), time.process_time()
    said = part(kubeconfig)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - worked
    print(json.dumps({**said, "seconds": seconds, "cpu_s": cpu_s, "peak_bytes": peak_bytes()}))


def peak_bytes() -> int:
    """The most memory this process ever had, by its own account: a child's rusage begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def run_part(name: str, kubeconfig: Path) -> dict[str, Any]:
    """What one part says, in a fresh process, and what it took to start."""
    began = time.perf_counter()
    command = [sys.executable, str(Path(__file__).parent / f"{name}.py"), str(kubeconfig)]
    patient = {**os.environ, "KUBEAGENTIX_DEADLINE_S": "3600"}  # what is late would be left out, and not be measured
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=patient)
    said: dict[str, Any] = json.loads(done.stdout)
    return {**said, "start_s": time.perf_counter() - began - said["seconds"]}
