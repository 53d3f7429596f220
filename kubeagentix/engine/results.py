"""The whole of what tools answered in one conversation, where the model saw a part, by an id that it was told."""

from __future__ import annotations

from collections.abc import Mapping

MAX_CHARS = 50_000_000  # of one conversation; beyond that, the oldest are given up


class Results:
    """Texts by id (`r1`, `r2`, …), for `search_result`."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._next = 1
        self._chars = 0

    def reserve(self) -> str:
        """The id of the next result."""
        name = f"r{self._next}"
        self._next += 1
        return name

    def put(self, result_id: str, text: str) -> None:
        """Keeps a whole text."""
        self._texts[result_id] = text
        self._chars += len(text)
        while self._chars > MAX_CHARS and len(self._texts) > 1:
            oldest = next(iter(self._texts))
            self._chars -= len(self._texts.pop(oldest))

    def get(self, result_id: str) -> str | None:
        """The whole text of that id, or None."""
        return self._texts.get(result_id)

    def restore(self, texts: Mapping[str, str]) -> None:
        """Takes over texts that were kept elsewhere, with their ids."""
        for result_id in sorted(texts, key=_number):
            self.put(result_id, texts[result_id])
            self._next = max(self._next, _number(result_id) + 1)

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, oldest first."""
        return tuple(self._texts)


def _number(result_id: str) -> int:
    return int(result_id[1:]) if result_id[1:].isdecimal() else 0
