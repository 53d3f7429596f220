"""The same widgets under VS Code's own widget manager, policy, styles and rules for outputs: see vscode/webview.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.lab import Lab
from tests.browser.vscode.webview import THEMES, Webview, packed
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Hang, Say
from tests.servers.wire import WireServer
from tests.servers.wired import RESPONSES

SOON_MS = 90_000  # of a busy machine
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def webview(lab: Lab, browser: Browser) -> Iterator[Callable[..., Webview]]:
    """Opens a notebook as VS Code does: `webview(kernel="old", theme="dark")`."""
    files = packed()
    if files is None:
        pytest.skip("VS Code's widget manager was not fetched from npm")
    views: list[Webview] = []

    def opened(kernel: str = "now", theme: str = "light") -> Webview:
        if kernel not in lab.kernels:
            pytest.skip("there is no Python with the older ipykernel here")
        context = browser.new_context(
            viewport={"width": 1000, "height": 900},
            permissions=["local-network-access"],  # to a kernel on loopback, from a page that no server sent
        )
        views.append(Webview.opened(context.new_page(), lab, files, kernel, theme))
        return views[-1]

    yield opened
    for view in views:
        view.close()


@pytest.fixture
def model() -> Iterator[WireServer]:
    with OpenAIServer() as running:
        yield running


def setup(model: WireServer) -> str:
    environ = {
        **RESPONSES.environ(model, "dummy-key-of-this-test"),
        "CLAUDE_CODE_CLI_PATH": "/nowhere/claude",
    }
    return (
        f"%load_ext kubeagentix\nimport os\nimport kubeagentix as kx\nos.environ.update({environ!r})\n"
        "demo = kx.demo('crash-missing-variable')"
    )


def colour(of: Locator, what: str = "background-color") -> str:
    """As it is painted."""
    found: str = of.evaluate("(element, what) => getComputedStyle(element).getPropertyValue(what)", what)
    return found


def painted(theme: str, name: str) -> str:
    """A colour of the theme, as a browser tells it."""
    value = THEMES[theme][name]
    return f"rgb({', '.join(str(int(value[at : at + 2], 16)) for at in (1, 3, 5))})"


def test_table_card_and_chat_are_live_in_its_colours_and_reports_without_a_kernel(
    webview: Callable[..., Webview], model: WireServer
) -> None:
    model.script(
        [Say("ready")], then=[Say("Because **`DATABASE_URL`** is missing.\n\n| a | b |\n|---|---|\n| 1 | 2 |")]
    )
    view = webview()
    view.run(setup(model), "%kdx -A", "%kproviders", "%kchat -n orders")
    table, card, chat = (view.cell(at).locator(".kx") for at in (1, 2, 3))
    row = table.locator('.kx-dx-body [role="row"]').first
    expect(row).to_contain_text("checkout", timeout=SOON_MS)
    view.wait()
    row.click()
    expect(table.locator(".kx-dx-detail")).to_contain_text("FATAL configuration", timeout=SOON_MS)
    provider = card.locator('.kx-provider[data-provider="openai"]')
    provider.get_by_role("button", name="Test").click()
    expect(provider).to_contain_text("answered in", timeout=SOON_MS)
    field = view.page.get_by_label("Your question")
    field.fill("why is checkout failing?")
    field.press("Enter")
    expect(chat.locator(".kx-ran")).to_contain_text("openai", timeout=SOON_MS)
    expect(chat.locator(".kx-answer td").first).to_be_visible()
    assert colour(chat.locator(".kx-answer td").first, "border-top-style") == "solid"
    view.shot("vscode-light")
    for theme in ("light", "dark"):
        view.paint(theme)
        for widget in (table, card, chat):
            assert colour(widget) == painted(theme, "editor-background")
            assert colour(widget, "color") == painted(theme, "editor-foreground")
        around = view.page.locator(".cell-output-ipywidget-background")
        assert {colour(place) for place in around.all()} <= {"rgba(0, 0, 0, 0)"}
        assert colour(chat.locator(".kx-strong").first) == painted(theme, "button-background")
    view.shot("vscode-dark")
    assert [bundle for at in (1, 2, 3) for bundle in view.bundles(at) if WIDGET in bundle] == []  # the file has none

    view.reopen()
    expect(view.page.locator("#container")).to_contain_text("the setting DATABASE_URL is missing")
    expect(view.page.locator("table caption")).to_have_text("Providers")
    expect(view.page.locator("#container blockquote")).to_have_text("why is checkout failing?")  # the transcript
    expect(view.page.locator(".kx, .kx-chat")).to_have_count(0)
    view.shot("vscode-reopened-dark")
    assert (view.problems, view.left) == ([], [])


def test_an_answer_streams_and_stop_ends_it_and_a_widget_stays_where_no_report_is_found(
    webview: Callable[..., Webview], model: WireServer
) -> None:
    model.script([Call("list_resources", {"kind": "Pod"})], [Say("It lacks a variable.\n\nSo far.\n\n"), Hang()])
    view = webview(theme="dark")
    view.run(setup(model), "%%kchat -n orders\nwhy is checkout failing?")
    chat = view.cell(1).locator(".kx-chat")
    expect(chat.locator(".kx-answer")).to_contain_text("So far.", timeout=SOON_MS)
    expect(chat.locator(".kx-tool")).to_contain_text("list_resources")
    expect(chat.locator(".kx-pill")).to_have_text("running")
    chat.locator(".kx-stop").click()  # the cell awaits: its kernel hears meanwhile, without a subshell
    view.wait()
    expect(chat).to_have_count(0)
    expect(view.cell(1)).to_contain_text("ended by cancelled")
    assert [sorted(bundle) for bundle in view.bundles(1)] == [["text/html", "text/plain"]]

    view.page.evaluate("() => { window.notebook.hidesReports = true }")
    view.run("%kproviders")
    view.page.wait_for_selector('.cell_container:nth-child(3) [data-mime="text/html"]')  # it was tried
    expect(view.cell(2).locator(".kx-providers")).to_be_visible(timeout=SOON_MS)
    assert [WIDGET in bundle for bundle in view.bundles(2)] == [True]
    assert (view.problems, view.left) == ([], [])


def test_where_clicks_do_not_arrive_it_is_said_and_a_change_is_asked_for_by_input(
    webview: Callable[..., Webview], model: WireServer
) -> None:
    model.script([Call("scale_workload", {"name": "deploy/checkout", "replicas": 5})], then=[Say("Done.")])
    view = webview(kernel="old")
    view.run(setup(model), "%%kchat -n orders --allow-writes\nscale it to 5")
    chat = view.cell(1).locator(".kx-chat")
    expect(chat.locator(".kx-hint")).to_contain_text("Clicks do not reach the kernel", timeout=SOON_MS)
    expect(chat.locator(".kx-approval")).to_contain_text("replicas: 5", timeout=SOON_MS)
    asked = view.page.locator("#quick-input input")
    expect(asked).to_be_visible(timeout=SOON_MS)
    expect(chat.locator(".kx-hint")).to_contain_text("answer in the input field", timeout=SOON_MS)
    view.shot("vscode-deaf")
    asked.fill("yes")
    asked.press("Enter")
    view.wait()
    expect(view.cell(1)).to_contain_text("approved")
    view.run("print('now', demo._running.store.get('Deployment', 'orders', 'checkout')['spec']['replicas'])")
    expect(view.cell(2)).to_contain_text("now 5")
    assert (view.problems, view.left) == ([], [])
