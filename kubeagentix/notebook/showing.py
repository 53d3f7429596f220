"""A widget in a cell for as long as something happens; afterwards the static report in its place.

A saved notebook that holds a widget's view shows "model not found" where there is no kernel, whatever else stands
beside it. So what stays in the file is HTML and text alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kubeagentix.settings import load_settings

if TYPE_CHECKING:
    from kubeagentix.notebook.view import View

Bundle = Mapping[str, Any]  # media type -> content: `text/html` and `text/plain`


def is_live() -> bool:
    """Whether a widget may be seen here: in a kernel, unless the settings ask for static output."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  the magics' modules load without a shell

    shell = get_ipython()
    return getattr(shell, "kernel", None) is not None and load_settings(os.environ).render != "static"


def is_watched() -> bool:
    """Whether somebody may sit before this cell: nbconvert, papermill and nbval run cells that nobody can answer."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  the magics' modules load without a shell

    kernel: Any = getattr(get_ipython(), "kernel", None)
    request = kernel.get_parent("shell") if kernel is not None else {}
    return bool(request.get("content", {}).get("allow_stdin", True))


class Display:
    """One output of the cell that makes it, which may be changed later."""

    def __init__(self, bundle: Bundle) -> None:
        from IPython.display import display  # noqa: PLC0415  the magics' modules load without a shell

        self._handle: Any = display({**bundle}, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def update(self, bundle: Bundle) -> None:
        """Shows this instead."""
        self._handle.update({**bundle}, raw=True)


class Shown:
    """One output of a cell: the widget until `settle`, then what `static` gives. Belongs to the cell that made it."""

    def __init__(self, view: View, static: Callable[[], Bundle]) -> None:
        self._static = static
        self._view = view
        self._is_settled = False
        self._display = Display(self._bundle())

    def settle(self) -> None:
        """Puts the static report in the widget's place."""
        self._is_settled = True
        self.refresh()

    def unsettle(self) -> None:
        """Shows the widget again."""
        self._is_settled = False
        self.refresh()

    def refresh(self) -> None:
        """Brings the static report up to date."""
        self._display.update(self._bundle())

    def _bundle(self) -> Bundle:
        return {**({} if self._is_settled else _view_bundle(self._view)), **self._static()}


def _view_bundle(view: View) -> Bundle:
    """What a frontend needs to show the widget."""
    found = view._repr_mimebundle_()
    data = found[0] if isinstance(found, tuple) else found
    return data or {}
