"""A notebook that is open in the browser, and what a person does with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect

from tests.browser.lab import TOKEN, Lab, shots

OPENED_MS = RUN_MS = 120_000
OF_NOTEBOOK_7 = "Cannot read properties of undefined (reading 'schema')"  # its own, as it opens
IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
TALL_PX = 16_000
BOTTOM = """() => {
  document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
  const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map((cell) => cell.getBoundingClientRect());
  return cells[0].top > 0 && Math.ceil(cells.at(-1).bottom);
}"""
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"


class Book:
    """One notebook on one page. `problems` are errors of scripts, and requests that left this machine."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page, self.lab, self.name = page, lab, name
        self.problems: list[str] = []
        self.requested: list[str] = []
        page.on("pageerror", self._note)
        page.on("request", lambda request: self.requested.append(request.url))

    def _note(self, error: Error) -> None:
        if str(error) != OF_NOTEBOOK_7:
            self.problems.append(str(error))

    def open(self, theme: str = "light") -> None:
        """Opens it and waits for its kernel."""
        self.page.goto(f"{self.lab.url}/{self.lab.place}/{self.name}?token={TOKEN}")
        self.page.wait_for_function(IDLE, timeout=OPENED_MS)
        self.theme(theme)

    def theme(self, theme: str) -> None:
        """Changes to the light or the dark theme."""
        is_light = "true" if theme == "light" else "false"
        if self.page.get_attribute("body", "data-jp-theme-light") != is_light:
            self.command("apputils:change-theme", {"theme": f"JupyterLab {theme.capitalize()}"})
            self.page.wait_for_selector(f"body[data-jp-theme-light={is_light}]", state="attached")

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Executes a command of JupyterLab, without waiting for its end."""
        execute = "([name, more]) => { window.jupyterapp.commands.execute(name, more) }"
        self.page.evaluate(execute, [name, arguments or {}])

    def run_all(self) -> None:
        """Runs all cells, without waiting for them."""
        self.command("notebook:run-all-cells")

    def select(self, cell: int) -> None:
        """Makes a cell the active one."""
        self.page.evaluate("(at) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = at }", cell)

    def run_cell(self, cell: int) -> None:
        """Runs one cell, without waiting for it."""
        self.select(cell)
        self.command("notebook:run-cell")

    def wait_cell(self, cell: int) -> None:
        """Waits until one cell has ended, and the kernel takes the next: after an error it drops what has come."""
        prompt = self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-InputPrompt")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=RUN_MS)
        self.page.wait_for_function(IDLE, timeout=RUN_MS)

    def wait_run(self) -> None:
        """Waits until every cell has ended."""
        done = (
            "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
            ".every((prompt) => /\\[\\d+\\]:/.test(prompt.textContent))"
        )
        self.page.wait_for_function(done, timeout=RUN_MS)

    def interrupt(self) -> None:
        """What ■ does."""
        self.command("notebook:interrupt-kernel")

    def reload(self) -> None:
        """Loads the page anew; the kernel goes on."""
        self.page.reload()
        self.page.wait_for_function(
            "() => !!window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel", timeout=OPENED_MS
        )

    def save(self) -> str:
        """Saves the notebook; the text of its file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        return self.lab.read(self.name)

    def output(self, cell: int = -1) -> Locator:
        """The outputs of a cell."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea")

    def shot(self, name: str, of: Locator | None = None) -> Path:
        """Keeps a picture of what is seen, or of one element."""
        path = shots(name)
        (of or self.page).screenshot(path=str(path))
        return path

    def stretch(self) -> None:
        """Makes the page as high as its notebook: cells out of sight are not drawn."""
        width = (self.page.viewport_size or {"width": 1280})["width"]
        self.page.set_viewport_size({"width": width, "height": TALL_PX})
        bottom = self.page.wait_for_function(BOTTOM).json_value()
        self.page.set_viewport_size({"width": width, "height": bottom + 60})

    @property
    def left(self) -> list[str]:
        """Requests to anywhere but this machine."""
        return [url for url in self.requested if not url.startswith((self.lab.url, "data:", "blob:"))]

    def close(self) -> None:
        """Ends its kernel and the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
        self.page.context.close()
