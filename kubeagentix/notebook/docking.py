"""A widget that stays usable after its cell has ended, while the notebook file holds static HTML alone.

In JupyterLab and Notebook 7 the widget takes its place inside the HTML that the cell shows, found there by a name that
nobody can guess; so without a kernel the HTML is what is seen. Elsewhere it stands in the output as widgets do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from traitlets import Unicode, default

from kubeagentix import sync
from kubeagentix.notebook.showing import Bundle, view_bundle
from kubeagentix.notebook.view import PROBE_S, View
from kubeagentix.report.text import NO_FORMULAS


class DockedView(View):
    """A View whose JavaScript ends in `export default docked(build)`, shown by `show`."""

    dock = Unicode().tag(sync=True)

    @default("dock")
    def _unguessable(self) -> str:
        return secrets.token_hex(8)

    _handle: Any = None
    _has_docked = False
    _static: Callable[[], Bundle] = dict

    def show(self, static: Callable[[], Bundle]) -> None:
        """Shows it in the cell that calls; `static` gives what stands in the file."""
        from IPython.display import display  # noqa: PLC0415  the magics' modules load without a shell

        self._static = static
        self._handle = display(self._bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        sync.start(self._settle_unless_heard())

    def refresh(self) -> None:
        """Brings the static report up to date. From any thread."""
        if self._handle is not None:
            self._context.copy().run(self._handle.update, self._bundle(), raw=True)

    def _bundle(self) -> Mapping[str, Any]:
        static = dict(self._static())
        static["text/html"] = f'<div class="kx-dock-{self.dock} {NO_FORMULAS}">{static["text/html"]}</div>'
        return static if self._has_docked else {**view_bundle(self), **static}

    def _received(self, sender: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict) or content.get("intent") != "docks":
            super()._received(sender, content, buffers)
        elif not self._has_docked:
            self._has_docked = True
            self.refresh()

    async def _settle_unless_heard(self) -> None:
        """Where no browser is there, nothing is left in the file that only a browser could show."""
        if not await self.is_heard_soon(3 * PROBE_S):
            self._has_docked = True
            self.refresh()
