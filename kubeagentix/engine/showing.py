"""What a run would send first, and to whom: the run itself, up to the moment at which its request would leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kubeagentix.domain.events import RunFailed, RunFinished
from kubeagentix.domain.payloads import Payload
from kubeagentix.engine.attempts import raised
from kubeagentix.engine.selection import Candidate
from kubeagentix.wire.catching import catching

if TYPE_CHECKING:
    from kubeagentix.engine.run import Run


async def first_payload(begin: Callable[[], Run], candidates: Sequence[Candidate]) -> Payload | None:
    """The first request of a run, which is not sent; None if nobody is asked. Raises what the run fails with."""
    with catching() as catcher:
        run = begin()
        reading = asyncio.create_task(run.wait())
        caught = asyncio.create_task(catcher.has_caught.wait())
        try:
            await asyncio.wait({reading, caught}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            caught.cancel()
            run.cancel()
            ended = await reading
    if catcher.payload is None:
        if isinstance(ended, RunFailed):
            raise raised(ended.error)
        return None
    assert isinstance(ended, RunFinished)
    asked = next(item for item in candidates if item.plugin.id == ended.provider)
    return catcher.payload.of(
        provider=ended.provider,
        model=ended.model,
        credential_source=ended.credential_source,
        secret=asked.credential.secret.reveal() if asked.credential is not None else "",
    )
