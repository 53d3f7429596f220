"""A notebook that is open in the browser, and what a person does with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect

from tests.browser.lab import TOKEN, Lab, shots

OPENED_MS, RUN_MS = 60_000, 60_000
OF_NOTEBOOK_7 = "Cannot read properties of undefined (reading 'schema')"  # its own, as it opens
IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
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
        if theme == "dark":
            self.command("apputils:change-theme", {"theme": "JupyterLab Dark"})
            self.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        elif self.page.get_attribute("body", "data-jp-theme-light") == "false":
            self.command("apputils:change-theme", {"theme": "JupyterLab Light"})
            self.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")

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

    def shot(self, name: str) -> Path:
        """Keeps a picture of what is seen."""
        path = shots(name)
        self.page.screenshot(path=str(path))
        return path

    @property
    def left(self) -> list[str]:
        """Requests to anywhere but this machine."""
        return [url for url in self.requested if not url.startswith((self.lab.url, "data:", "blob:"))]

    def close(self) -> None:
        """Ends its kernel and the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
        self.page.context.close()
