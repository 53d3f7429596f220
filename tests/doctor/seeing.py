"""Runs one check, and finds what it said."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubeagentix.doctor.examining import Check, Surroundings, examine
from kubeagentix.doctor.results import CheckResult


def seen(check: Check, *, server: str | None = None, **fields: Any) -> Sequence[CheckResult]:
    """What `check` says in this process' environment; `server` is the version that the cluster has told."""

    async def run() -> Sequence[CheckResult]:
        about = Surroundings(environ=dict(os.environ), **{"root": Path("/dev/null"), **fields})
        if server is not None:
            about.server_version.set_result(server)
        return (await examine([check], about)).results

    return asyncio.run(run())


def only(results: Sequence[CheckResult], what: str) -> CheckResult:
    """The one result about `what`, or about something whose name holds it."""
    found = [result for result in results if result.what == what]
    found = found or [result for result in results if what in result.what]
    assert len(found) == 1, results
    return found[0]
