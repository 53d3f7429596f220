"""Keeps what is asked, said and found, unless the settings say otherwise. A trouble with it costs no run anything."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

from kubeagentix import sync
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Target
from kubeagentix.domain.events import Notice, RunRecord
from kubeagentix.domain.messages import Message
from kubeagentix.errors import HistoryError
from kubeagentix.history.places import history_file
from kubeagentix.redaction import Redactor
from kubeagentix.settings import Settings

if TYPE_CHECKING:
    from kubeagentix.engine.conversation import Conversation
    from kubeagentix.engine.recorder import Keeper
    from kubeagentix.history.writer import Writer

Kind = Literal["chat", "dx"]
NOTICE = "history"  # the code of its Notices

asked: WeakValueDictionary[str, Any] = WeakValueDictionary()  # what an answer is about, by its id, while that lives


class Keeping:
    """Keeps the runs and the diagnosis of one call."""

    def __init__(self, writer: Writer, kind: Kind) -> None:
        self._writer = writer
        self._kind = kind
        self._run_id: str | None = None

    def begin(self, *, run_id: str, question: str, conversation: Conversation, cluster: str, target: Target) -> Keeper:
        """What keeps a run that is about to begin."""
        from kubeagentix.history.owners import this_process  # noqa: PLC0415  where something is kept
        from kubeagentix.history.recording import RunKeeper  # noqa: PLC0415  the same
        from kubeagentix.history.store import Begun  # noqa: PLC0415  the same

        self._run_id = run_id
        begun = Begun(
            run_id=run_id,
            conversation_id=conversation.id,
            kind=self._kind,
            question=question,
            target=str(target),
            cluster=cluster,
            fence=conversation.fence.number,
            owner=this_process(),
            at=time.time(),
        )
        return RunKeeper(self._writer, begun, conversation.redactor, conversation.results)

    async def diagnosed(self, diagnosis: Diagnosis) -> Sequence[Notice]:
        """Keeps a diagnosis; what the user is to be told of that."""
        from kubeagentix.history.recording import DiagnosisKeeper, taken_notices, written  # noqa: PLC0415  as above

        self._writer.keep(DiagnosisKeeper(diagnosis, self._run_id, Redactor()))
        await written(self._writer)
        return taken_notices(self._writer)


class NotKeeping:
    """Stands for a history that has no place, and says so once."""

    def __init__(self, why: str) -> None:
        self._notices = deque([Notice(code=NOTICE, message=f"not kept in the history: {why}")])

    def begin(self, **_: object) -> Keeper:
        """Itself: it keeps nothing."""
        return self

    def record(self, record: RunRecord) -> None:
        """Nothing."""

    def said(self, messages: tuple[Message, ...], evidence: Mapping[str, Evidence]) -> None:
        """Nothing."""

    def notices(self) -> Sequence[Notice]:
        """Why nothing is kept."""
        return [self._notices.popleft() for _ in range(len(self._notices))]

    async def kept(self) -> None:
        """At once."""

    async def diagnosed(self, _: Diagnosis) -> Sequence[Notice]:
        """Why it is not kept."""
        return self.notices()


def keeping(settings: Settings, environ: Mapping[str, str] | None = None, *, kind: Kind) -> Keeping | NotKeeping | None:
    """What keeps the runs of one call, or None where nothing is to be kept."""
    if not settings.history:
        return None
    try:
        path = history_file(settings, os.environ if environ is None else environ)
    except HistoryError as error:
        return NotKeeping(str(error))
    from kubeagentix.history.pruning import Limits  # noqa: PLC0415  brings SQLite
    from kubeagentix.history.writer import flush_all, writer_of  # noqa: PLC0415  the same

    sync.at_exit(flush_all)
    return Keeping(writer_of(path, Limits(days=settings.history_days, mb=settings.history_mb)), kind)
