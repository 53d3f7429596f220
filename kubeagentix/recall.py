"""What was kept, to look at, to search, to go on with: `kx.history`, and what the command line shows of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from kubeagentix import registry
from kubeagentix.engine.conversation import Conversation
from kubeagentix.errors import MissingExtraError, UsageError, excerpt
from kubeagentix.history.opening import open_file
from kubeagentix.history.places import history_file
from kubeagentix.history.pruning import Limits, Pruned, prune
from kubeagentix.history.reading import LATEST, Entry, Reader, StoredConversation
from kubeagentix.history.searching import search
from kubeagentix.history.writer import writer_of
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.report import transcript
from kubeagentix.report.pages import page_of
from kubeagentix.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 20  # entries that are listed unless somebody asks for more
CONVERSATION_FORMATS = ("markdown", "json")


class Entries(tuple[Entry, ...]):
    """Conversations and diagnoses, the latest first; shown as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return transcript.listing(self) or "nothing is kept yet"

    def to_json(self) -> str:
        """The same as a JSON list of objects."""
        return transcript.plain_listing(self)

    def frame(self) -> pd.DataFrame:
        """The same as a pandas DataFrame, one row each, indexed by id. Raises MissingExtraError without pandas."""
        try:
            import pandas as pd  # noqa: PLC0415  optional, and half a second to import
        except ImportError as error:
            message = "frame() needs pandas, which is not installed"
            raise MissingExtraError(message, hint="pip install 'kubeagentix[lab]'") from error
        columns = [field.name for field in fields(Entry)]
        rows = [[getattr(entry, name) for name in columns] for entry in self]
        return pd.DataFrame(rows, columns=columns).set_index("id")


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation of the history, or one run of it."""

    conversation: StoredConversation

    def to_markdown(self) -> str:
        """Questions and answers as Markdown."""
        return transcript.markdown(self.conversation)

    def to_json(self) -> str:
        """One JSON object with `schema_version` and every event."""
        return transcript.plain(self.conversation)

    def __repr__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        return page_of(self.to_markdown())


class History:
    """`kx.history`: shown, it lists the latest. Ids may be shortened as long as they are clear; `latest` is one, too.

    Raises NotFoundError for an id that there is not, with the nearest; HistoryError if the file cannot be read.
    """

    @property
    def path(self) -> Path:
        """The file that the settings of this environment name, whether or not it is there."""
        return history_file(load_settings(os.environ), os.environ)

    def __repr__(self) -> str:
        return repr(self.list())

    def list(self, limit: int = LIMIT) -> Entries:
        """The latest conversations and diagnoses."""
        most = _count(limit)
        with self._reader() as reader:
            return Entries(reader.entries(most) if reader is not None else ())

    def search(self, words: str, limit: int = LIMIT) -> Entries:
        """Those in which all of the words stand: in a question, an answer, a result of a tool, a finding."""
        if not isinstance(words, str) or not words.split():
            raise UsageError("there is nothing to look for", hint="name some words")
        most = _count(limit)
        with self._reader() as reader:
            if reader is None:
                return Entries()
            found = search(reader.file, words, most)
            entries = {entry.id: entry for entry in reader.entries(most, list(found))}
            return Entries(entries[key].with_place(place) for key, place in found.items() if key in entries)

    def show(self, entry_id: str = LATEST) -> Transcript | Diagnosis:
        """A conversation, a run or a diagnosis."""
        with self._open() as reader:
            found = reader.resolve(entry_id)
            if found.startswith("d-"):
                return reader.diagnosis(found, Diagnosis)
            if found.startswith("run-"):
                return Transcript(reader.conversation(reader.conversation_of(found), found))
            return Transcript(reader.conversation(found))

    def diagnosis(self, diagnosis_id: str = LATEST) -> Diagnosis:
        """An earlier diagnosis, for `dx.diff(earlier)` and all else that a Diagnosis does."""
        with self._open() as reader:
            return reader.diagnosis(reader.resolve(diagnosis_id, "diagnosis"), Diagnosis)

    def resume(self, conversation_id: str = LATEST) -> Conversation:
        """A conversation to go on with: `kx.chat("and why?", conversation=kx.history.resume())`.

        One whose run was cut short goes on from its last whole turn. Names that were hidden from the model stay hidden,
        unless `anonymize=False` is said.
        """
        with self._open() as reader:
            is_run = isinstance(conversation_id, str) and conversation_id.startswith("run-")
            found = reader.resolve(conversation_id, "run" if is_run else "conversation")
            found = reader.conversation_of(found) if is_run else found
            kept = reader.dialogue(found)
        return Conversation.restored(
            conversation_id=kept.id,
            cluster=kept.cluster,
            fence=kept.fence,
            messages=kept.messages,
            evidence=kept.evidence,
            results=kept.results,
            is_anonymous=kept.is_anonymous,
        )

    def export(self, entry_id: str = LATEST, format: str = "markdown") -> str:  # noqa: A002  the word for it
        """A conversation or run as `markdown` or `json`, a diagnosis in any format that there is an exporter for."""
        found = self.show(entry_id)
        known = CONVERSATION_FORMATS if isinstance(found, Transcript) else tuple(registry.exporters())
        if format not in known:
            what = "a conversation" if isinstance(found, Transcript) else "a diagnosis"
            raise UsageError(f"{what} has no format {excerpt(str(format), 40)!r}", hint=f"it has {', '.join(known)}")
        if isinstance(found, Transcript):
            return found.to_markdown() if format == "markdown" else found.to_json()
        return registry.exporters()[format].export(found)

    def prune(self, *, days: float | None = None, mb: float | None = None) -> Pruned:
        """Takes out what is older than `days` and, from the oldest on, what is more than `mb` megabytes.

        Without either, the limits of the settings hold.
        """
        settings = load_settings(os.environ)
        if days is None and mb is None:
            days, mb = settings.history_days, settings.history_mb
        for name, value in (("days", days), ("mb", mb)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0):
                raise UsageError(f"{name} cannot be {excerpt(repr(value), 40)}", hint="it must be a number from 0 up")
        with self._reader() as reader:
            if reader is None:
                return Pruned(conversations=0, diagnoses=0, before=0, after=0)
            return prune(reader.file, Limits(days=days, mb=mb))

    def clear(self) -> Pruned:
        """Takes out everything but what is at work now."""
        return self.prune(days=0)

    @contextmanager
    def _reader(self) -> Iterator[Reader | None]:
        path = self.path
        writer_of(path).flush()
        if not path.exists():
            yield None
            return
        opened = open_file(path)
        for notice in opened.notices:  # nobody is to wonder where everything has gone
            sys.stderr.write(f"{notice}\n")
        with closing(opened.connection) as connection:
            yield Reader(connection)

    @contextmanager
    def _open(self) -> Iterator[Reader]:
        with self._reader() as reader:
            yield reader if reader is not None else Reader.of_nothing()


def _count(limit: object) -> int:
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        return limit
    raise UsageError(f"limit cannot be {excerpt(repr(limit), 40)}", hint="it must be a whole number from 1 up")


history = History()
