"""Known errors in one line, whether a magic raised them or a cell's own Python; `%tb` gives the whole traceback."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from kubeagentix.errors import KubeAgentiXError
from kubeagentix.report.text import clean_line


def show_in_one_line(error: BaseException) -> None:
    """Makes IPython show `error` in one line the first time; `%tb` then gives the whole traceback."""

    def render() -> list[str]:
        del error._render_traceback_  # type: ignore[attr-defined]
        if isinstance(error, KeyboardInterrupt):
            return ["interrupted"]
        return [f"error: {clean_line(str(error), 2000)}"]

    error._render_traceback_ = render  # type: ignore[attr-defined]


class Reporter:
    """What one shell does with a KubeAgentiXError that a cell lets through; whoever had that place keeps the rest."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._others: tuple[type[BaseException], ...] = shell.custom_exceptions
        self._show_other = shell.CustomTB

    def attach(self) -> None:
        """Starts."""
        self._shell.set_custom_exc((*self._others, KubeAgentiXError), self._show)
        self._ours = self._shell.CustomTB

    def detach(self) -> None:
        """Stops, unless somebody else has taken the place since."""
        if self._shell.CustomTB == self._ours:
            self._shell.custom_exceptions, self._shell.CustomTB = self._others, self._show_other

    def _show(
        self,
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
        tb_offset: int | None = None,
    ) -> Any:
        if not isinstance(error, KubeAgentiXError):
            return self._show_other(kind, error, trace, tb_offset=tb_offset)
        show_in_one_line(error)
        return shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
