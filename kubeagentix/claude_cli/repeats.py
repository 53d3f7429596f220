"""What of an answer was shown, so that one that broke and comes again, or goes on, is shown once.

The CLI mends a broken answer in two ways: it asks again, and the answer comes from its beginning; or it keeps the
blocks that were complete and asks for the rest, which goes on where they end, or begins again all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Shown:
    """One answer that grows; in linear time. `gap` is what to show between this answer and the one before it."""

    gap: str = ""
    was_broken: bool = False  # the last piece took another way than what was shown: `text` holds only the new way
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0  # of all of them
    _kept: int = 0  # characters of complete blocks
    _before: str = ""  # what was shown when it broke
    _base: int = 0  # where in it the answer begins again
    _at: int = 0  # up to where it has come again
    _may_go_on: bool = False  # what comes may be the rest as well

    @property
    def text(self) -> str:
        """All of this answer."""
        return self.gap + "".join(self._pieces) if self._pieces else ""

    def settle(self) -> None:
        """What was said up to here is in a complete block."""
        self._kept = self._length

    def begin_again(self) -> None:
        """The answer is asked for again."""
        self._wait_for_repetition(base=0)

    def go_on(self) -> None:
        """The rest of the answer is asked for."""
        self._wait_for_repetition(base=0)
        self._may_go_on = bool(self._before)

    def add(self, piece: str) -> str:
        """What of this piece is to be shown now."""
        if self._at >= len(self._before):
            return self._show(piece)
        expected = self._before[self._at : self._at + len(piece)]
        if piece.startswith(expected):
            self._at += len(expected)
            rest = piece[len(expected) :]
            return self._show(rest) if rest else ""
        return self._parted(self._before[self._base : self._at] + piece)

    def _parted(self, anew: str) -> str:
        """What came is no repetition from where it was thought to be one."""
        if self._may_go_on:
            self._may_go_on = False
            self._base = self._at = self._kept
            return self.add(anew)
        kept = self._before[: self._base]
        self._pieces, self._before, self._at, self.was_broken = [kept, anew], "", 0, True
        self._length = len(kept) + len(anew)
        return "\n\n" + anew

    def _wait_for_repetition(self, base: int) -> None:
        self._before, self._base, self._at = "".join(self._pieces), base, base
        self._may_go_on = False

    def _show(self, piece: str) -> str:
        gap = "" if self._pieces else self.gap
        self._pieces.append(piece)
        self._length += len(piece)
        return gap + piece
