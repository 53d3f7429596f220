"""The providers in a cell: who can be asked, as whom, tried out and chosen with a click. It shows, and tells."""

from __future__ import annotations

from kubeagentix.notebook.docking import DockedView
from kubeagentix.notebook.view import source


class ProvidersView(DockedView):
    """A part per provider. Intents, each with its `provider`: `test` and `use` with `model`, `credential`, `forget`."""

    _esm = source("kit.js", "dock.js", "providers.js")
    _css = source("kit.css", "providers.css")
