"""How much of the processor the longest task of a page took, whatever other processes took meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

TASKS = ("RunTask", "ThreadControllerImpl::RunTask")
TRACED = ["toplevel", "devtools.timeline"]


def longest_task_ms(trace: bytes) -> float:
    """Of a trace of Chromium: of the renderer's main thread on which most happened, the page's."""
    events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
    mains = {
        _thread(event)
        for event in events
        if event["ph"] == "M" and event.get("args", {}).get("name") == "CrRendererMain"
    }
    busiest = Counter(_thread(event) for event in events if _thread(event) in mains).most_common(1)
    page = busiest[0][0] if busiest else None
    tasks = (event.get("tdur", 0) for event in events if event["name"] in TASKS and _thread(event) == page)
    return max(tasks, default=0) / 1e3


def _thread(event: dict[str, Any]) -> tuple[int, int]:
    return event["pid"], event["tid"]
