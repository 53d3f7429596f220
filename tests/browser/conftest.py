"""Notebooks in a real JupyterLab or Notebook 7, in a real Chromium."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.book import Book
from tests.browser.lab import CHROMIUM, Lab, a_lab

_numbers = itertools.count(1)
PATIENCE_MS = 90_000  # of a busy machine; no claim of how quick anything is
expect.set_options(timeout=PATIENCE_MS)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with a_lab(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="session")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Notebook 7."""
    with a_lab(tmp_path_factory.mktemp("seven"), app="notebook") as started:
        yield started


@pytest.fixture(scope="session")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab whose clicks do not reach a kernel while a cell runs."""
    with a_lab(tmp_path_factory.mktemp("deaf"), is_deaf=True) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=[*FLAGS])
        yield started
        started.close()


@pytest.fixture
def notebook(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Callable[..., Book]]:
    """Opens a notebook of these cells: `notebook("…", "…", kernel="old", theme="dark", app="notebook7")`.

    Or a copy of a file: `notebook(file=path)`.
    """
    books: list[Book] = []

    def opened(
        *cells: str,
        kernel: str = "now",
        theme: Literal["light", "dark"] = "light",
        app: Literal["lab", "notebook7", "deaf"] = "lab",
        file: Path | None = None,
        **size: Any,
    ) -> Book:
        lab: Lab = request.getfixturevalue({"notebook7": "seven"}.get(app, app))
        if kernel not in lab.kernels:
            pytest.skip("there is no Python with the older ipykernel here")
        name = f"book-{next(_numbers)}.ipynb"  # kernels outlive their pages, by the notebook's name
        if file is None:
            lab.write(name, *cells, kernel=kernel)
        else:
            lab.copy(file, name, kernel=kernel)
        page: Page = browser.new_context(
            viewport={"width": size.get("width", 1280), "height": size.get("height", 900)},
            device_scale_factor=size.get("scale", 1),
        ).new_page()
        page.set_default_timeout(PATIENCE_MS)
        book = Book(page, lab, name)
        books.append(book)
        book.open(theme)
        return book

    yield opened
    for book in books:
        book.close()
