"""The providers' card in a browser: tried out and chosen by clicks and keys; a typed credential is in no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from kubeagentix.cluster import archive
from kubeagentix.testing import snapshot_of
from tests.browser.book import Book
from tests.browser.lab import Lab
from tests.notebook.conftest import BROKEN
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Fail, Say
from tests.servers.wire import WireServer
from tests.servers.wired import RESPONSES

KEY = "dummy-key-typed-in-the-browser"
SAVE_STATE = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
MODEL = "gpt-typed-in-the-browser"
KERNELS = pytest.mark.parametrize("kernel", ["now", "old"])
SOON_MS = 90_000  # of a busy machine


@pytest.fixture
def server() -> Iterator[WireServer]:
    with OpenAIServer() as running:
        running.script(then=[Say("ready")])
        yield running


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    path = str(tmp_path / "broken.snapshot")
    archive.save(snapshot_of(BROKEN), path)
    return path


def loaded(server: WireServer) -> str:
    environ = {
        **RESPONSES.environ(server),
        "CLAUDE_CODE_CLI_PATH": "/nowhere/claude",
    }
    return f"import os; os.environ.update({environ!r})\n%load_ext kubeagentix"


def shows(place: Locator, text: str) -> None:
    expect(place).to_contain_text(text, timeout=SOON_MS)


def run_cell(book: Book, number: int) -> None:
    book.page.locator(".jp-CodeCell").nth(number).locator(".jp-InputPrompt").click()
    book.command("notebook:run-cell")


def files_with(lab: Lab, word: str) -> list[str]:
    """Every file of this JupyterLab that holds it: notebooks, IPython's and our history, logs, settings."""
    root = lab.folder.parent
    return [str(path.relative_to(root)) for path in root.rglob("*") if word.encode() in held(path)]


def held(path: Path) -> bytes:
    """What is in it; nothing in a folder, or what is gone by now, as the files beside a database."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


@KERNELS
def test_a_credential_is_typed_and_used_and_is_nowhere(
    notebook: Callable[..., Book], lab: Lab, server: WireServer, snapshot: str, kernel: str
) -> None:
    cells = (
        loaded(server),
        "%kproviders",
        f"%config KubeAgentix.show_provider_debug = True\n%kdx --snapshot {snapshot}",
        "%kproviders --forget",
        f"%kdx --snapshot {snapshot} --provider openai",
    )
    book = notebook(*cells, kernel=kernel)
    if not book.page.evaluate(f"() => window.jupyterapp.commands.isToggled('{SAVE_STATE}')"):  # by another notebook
        book.command(SAVE_STATE)
    run_cell(book, 0)
    run_cell(book, 1)
    row = book.page.locator('.kx-provider[data-provider="openai"]')
    expect(row).to_have_attribute("data-configured", "no", timeout=SOON_MS)
    expect(row.get_by_role("button", name="Test")).to_be_disabled()
    row.get_by_text("Passes on").click()
    shows(row, "KUBEAGENTIX_OPENAI_BASE_URL")
    row.get_by_text("Model and credential").click()
    field = book.page.get_by_label("Credential for OpenAI API, or a compatible server", exact=True)
    assert (field.get_attribute("type"), field.get_attribute("autocomplete")) == ("password", "off")
    field.press_sequentially(KEY)
    field.press("Enter")
    expect(field).to_have_value("")
    shows(row, "uses what was entered in this notebook")
    book.page.get_by_label("Model of OpenAI API, or a compatible server").fill(MODEL)
    row.get_by_role("button", name="Test").click()
    shows(row, f"test: {MODEL} answered in")
    assert server.requests[0].token == KEY
    row.get_by_role("button", name="Use").click()
    shows(row, "in use")
    book.shot(f"providers-{kernel}")

    run_cell(book, 2)
    shows(book.output(2), f"ran: openai / {MODEL} / ")
    assert (server.requests[-1].token, server.heard[-1].model) == (KEY, MODEL)
    asked = len(server.requests)
    run_cell(book, 3)
    shows(book.output(3), "forgotten: openai")
    run_cell(book, 4)
    book.wait_run()
    assert len(server.requests) == asked

    saved = book.save()
    assert "application/vnd.jupyter.widget-state+json" in saved  # which was asked for
    assert KEY not in book.page.content()
    outputs = json.loads(saved)["cells"][1]["outputs"]
    assert [sorted(output["data"]) for output in outputs] == [["text/html", "text/plain"]]  # the static report
    assert files_with(lab, KEY) == []
    # The same look finds what was typed beside it, in the notebook and in our history; and IPython's own history.
    assert {path.split("/")[0] for path in files_with(lab, MODEL)} == {"notebooks", "home"}
    assert any(path.endswith("history.sqlite") for path in files_with(lab, "%kproviders --forget"))
    assert book.problems == []
    assert book.left == []


def test_it_is_used_by_keys_after_a_reload_and_is_a_report_without_a_kernel(
    notebook: Callable[..., Book], server: WireServer
) -> None:
    server.restart(then=[Fail("authentication", message="<img src=x onerror=alert(1)> no such key")])
    cells = (loaded(server) + f"\nos.environ['OPENAI_API_KEY'] = {KEY!r}", "%kproviders")
    book = notebook(*cells, theme="dark", width=760)
    book.run_all()
    row = book.page.locator('.kx-provider[data-provider="openai"]')
    shows(row, "uses OPENAI_API_KEY")
    shows(row, "asked next")
    book.save()
    book.reload()
    test = row.get_by_role("button", name="Test")
    expect(test).to_be_enabled(timeout=SOON_MS)
    test.focus()
    book.page.keyboard.press("Enter")
    shows(row, "test failed after")
    shows(row, "no such key")
    assert row.locator("img").count() == 0
    expect(test).to_be_focused()  # the report in the file was renewed meanwhile
    book.page.keyboard.press("Tab")
    book.page.keyboard.press("Space")
    expect(row).to_have_attribute("data-chosen", "yes", timeout=SOON_MS)
    expect(book.page.get_by_role("group", name="OpenAI API")).to_be_visible()
    book.shot("providers-dark-narrow")
    book.save()
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    book.page.mouse.move(2, 2)
    row.hover()  # no frontend tells that its kernel has ended
    expect(row).to_have_count(0)
    expect(book.output().locator("table caption")).to_be_visible()
    book.reload()
    expect(book.output().locator("table caption")).to_have_text("Providers", timeout=SOON_MS)
    expect(row).to_have_count(0)
    assert book.problems == []
