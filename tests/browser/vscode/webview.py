"""A notebook as VS Code shows it: a page under its policy and in its colours, with its Jupyter extension's own manager.

VS Code itself comes from no package registry. What draws widgets in it does: `@vscode/jupyter-ipywidgets8` on npm,
which loads a widget's module by requirejs from the folder that its Python package installed, and knows no subshells.
The rest (order of types, replacement by display id, styles, models that only `display_data` brings in) is done anew in
`webview.js`, as the sources of microsoft/vscode and microsoft/vscode-jupyter have it.
"""

from __future__ import annotations

import json
import os
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_path
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.lab import TOKEN, Lab, shots

FOLDER = Path(os.environ.get("KUBEAGENTIX_TEST_VSCODE") or "/nowhere")  # with what `npm pack` makes of these
PACKED = {
    "ipywidgets.js": ("vscode-jupyter-ipywidgets8-1.0.9.tgz", "package/dist/ipywidgets.js"),
    "require.js": ("requirejs-2.3.8.tgz", "package/require.js"),
}
HERE = Path(__file__).parent
RUN_MS = 120_000

# VS Code's own policy for these pages is an experiment (notebook.experimental.enableCsp), off as a rule. This is it,
# without the rest of the world, and with `blob:`, from which anywidget loads a widget's source.
POLICY = (
    "default-src 'none'; script-src 'self' blob: 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://127.0.0.1:{port}; child-src data:"
)
# The colours of Dark Modern and Light Modern.
THEMES = {
    "dark": {
        "editor-background": "#1f1f1f",
        "editor-foreground": "#cccccc",
        "foreground": "#cccccc",
        "descriptionForeground": "#9d9d9d",
        "editorWidget-background": "#202020",
        "notebook-cellEditorBackground": "#181818",
        "panel-border": "#2b2b2b",
        "input-background": "#313131",
        "input-foreground": "#cccccc",
        "input-border": "#3c3c3c",
        "button-background": "#0078d4",
        "button-foreground": "#ffffff",
        "focusBorder": "#0078d4",
        "textLink-foreground": "#4daafc",
        "errorForeground": "#f85149",
        "editorWarning-foreground": "#cca700",
        "editorInfo-foreground": "#3794ff",
        "testing-iconPassed": "#73c991",
    },
    "light": {
        "editor-background": "#ffffff",
        "editor-foreground": "#3b3b3b",
        "foreground": "#3b3b3b",
        "descriptionForeground": "#3b3b3b",
        "editorWidget-background": "#f8f8f8",
        "notebook-cellEditorBackground": "#f8f8f8",
        "panel-border": "#e5e5e5",
        "input-background": "#ffffff",
        "input-foreground": "#3b3b3b",
        "input-border": "#cecece",
        "button-background": "#005fb8",
        "button-foreground": "#ffffff",
        "focusBorder": "#005fb8",
        "textLink-foreground": "#005fb8",
        "errorForeground": "#f85149",
        "editorWarning-foreground": "#bf8803",
        "editorInfo-foreground": "#1a85ff",
        "testing-iconPassed": "#388a34",
    },
}
FONTS = {"font-family": "system-ui, sans-serif", "editor-font-family": "monospace"}


def packed() -> dict[str, bytes] | None:
    """The files from npm, or nothing where they were not fetched."""
    if not all((FOLDER / archive).exists() for archive, _ in PACKED.values()):
        return None
    return {name: _member(FOLDER / archive, member) for name, (archive, member) in PACKED.items()}


def _member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as opened:
        found = opened.extractfile(name)
        assert found is not None
        return found.read()


@dataclass
class Webview:
    """One notebook with a kernel of its own. `problems` are errors of scripts, and what its policy forbade."""

    page: Page
    lab: Lab
    files: dict[str, bytes]
    kernel: dict[str, Any]
    problems: list[str]
    requested: list[str]

    @classmethod
    def opened(cls, page: Page, lab: Lab, files: dict[str, bytes], kernel: str, theme: str) -> Webview:
        """Starts a kernel and shows an empty notebook."""
        started = _asked(lab, "POST", "api/kernels", {"name": kernel})
        view = cls(page, lab, files, started, [], [])
        page.on("pageerror", lambda error: view.problems.append(str(error)))
        page.on("console", lambda said: view.problems.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: view.requested.append(request.url))
        page.route(f"{lab.url}/webview/**", view._answer)
        page.goto(f"{lab.url}/webview/index.html")
        view.paint(theme)
        page.wait_for_selector("body[data-ready]", state="attached", timeout=RUN_MS)
        return view

    def paint(self, theme: str) -> None:
        """VS Code changes the theme of an open page so."""
        colours = {f"--vscode-{name}": value for name, value in {**THEMES[theme], **FONTS}.items()}
        self.page.evaluate(
            """([colours, name]) => {
                const { documentElement, body } = document;
                for (const [key, value] of Object.entries(colours)) documentElement.style.setProperty(key, value);
                body.className = body.dataset.vscodeThemeKind = name;
            }""",
            [colours, f"vscode-{theme}"],
        )

    def run(self, *cells: str) -> None:
        """Runs these cells one after the other, without waiting for them."""
        for code in cells:
            self.page.evaluate("(code) => window.notebook.run(code)", code)

    def wait(self) -> None:
        """Waits until every cell has ended."""
        expect(self.page.locator('.cell_container[data-state="running"]')).to_have_count(0, timeout=RUN_MS)

    def cell(self, at: int) -> Locator:
        """The outputs of a cell."""
        return self.page.locator(".cell_container").nth(at)

    def bundles(self, at: int) -> list[dict[str, Any]]:
        """What a cell's outputs hold now, which is what the file would hold."""
        found: list[dict[str, Any]] = self.page.evaluate("(at) => window.notebook.bundles(at)", at)
        return found

    def reopen(self) -> None:
        """Closes it, and opens what is in its file without its kernel."""
        outputs = self.page.evaluate("() => window.notebook.all()")
        theme = self.page.evaluate("() => document.body.className").removeprefix("vscode-")
        self.page.reload()
        self.page.wait_for_selector("body[data-ready]", state="attached", timeout=RUN_MS)
        self.paint(theme)
        self.page.evaluate("(outputs) => window.notebook.reopened(outputs)", outputs)

    def shot(self, name: str) -> Path:
        """Keeps a picture of what is seen."""
        path = shots(name)
        self.page.screenshot(path=str(path), full_page=True)
        return path

    @property
    def left(self) -> list[str]:
        """Requests to anywhere but this machine."""
        return [url for url in self.requested if not url.startswith((self.lab.url, "data:", "blob:"))]

    def close(self) -> None:
        """Ends its kernel and the page."""
        self.page.context.close()
        _asked(self.lab, "DELETE", f"api/kernels/{self.kernel['id']}")

    def _answer(self, route: Route) -> None:
        name = route.request.url.partition("/webview/")[2].partition("?")[0]
        kind = {"html": "text/html", "css": "text/css", "js": "text/javascript"}[name.rpartition(".")[2]]
        policy = POLICY.format(port=self.lab.url.rpartition(":")[2])
        route.fulfill(body=self._file(name), content_type=kind, headers={"Content-Security-Policy": policy})

    def _file(self, name: str) -> bytes:
        if name == "index.html":
            start = {"token": TOKEN, "kernel": self.kernel, "port": self.lab.url.rpartition(":")[2]}
            page = (HERE / "index.html").read_text()
            return page.replace("{start}", json.dumps(start).replace('"', "&quot;")).encode()
        if name in self.files:
            return self.files[name]
        if name.startswith("nbextensions/"):
            found = (Path(folder, name.partition("/")[2]) for folder in jupyter_path("nbextensions"))
            return next(path for path in found if path.exists()).read_bytes()
        return (HERE / name).read_bytes()


def _asked(lab: Lab, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # loopback
        f"{lab.url}/{path}",
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answered:
        said = answered.read()
    return json.loads(said) if said else None
