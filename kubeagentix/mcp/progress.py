"""What a client is told, and tells, while a call runs: signs of life, if it asks for them; and that it has left.

Clients give up a call that is silent for long, so a sign comes also where nothing new is known.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from kubeagentix.domain.events import ProgressEvent, StageChanged, silent
from kubeagentix.mcp.questions import Context

EVERY_S = 1.0
HUNG_UP = "kubeagentix.hung_up"  # of a request's scope: an event that is set once its client hangs up


class Progress:
    """How far one call is, for its client. What is done changes faster than anybody reads, so the latest is told."""

    def __init__(self, context: Context) -> None:
        self._report = context.session.report_progress
        self._doing = ""
        is_wanted = (context.meta or {}).get("progress_token") is not None
        self.listen = self._hear if is_wanted else silent

    async def tell(self) -> None:
        """Tells it until it is cancelled: the seconds, and what is being done where that is known."""
        if self.listen is silent:
            return
        begun = time.monotonic()
        with suppress(Exception):  # whom nobody hears has nothing to tell
            while True:
                await asyncio.sleep(EVERY_S)
                await self._report(round(time.monotonic() - begun, 3), message=self._doing or None)

    def _hear(self, event: ProgressEvent) -> None:
        if isinstance(event, StageChanged):
            count = f" {event.done}/{event.total}" if event.total > 1 else ""
            self._doing = f"{event.stage}{count}{': ' + event.detail if event.detail else ''}"


async def has_left(context: Context) -> None:
    """Returns once the client has hung up, where that can be known: nobody would take the result."""
    known = context.request.scope.get(HUNG_UP) if context.request is not None else None
    await (known or asyncio.Event()).wait()
