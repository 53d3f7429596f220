"""What others wrote is text in the table of `%kdx`, whatever it looks like; and a row is explained in the browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.book import Book
from tests.browser.hostile import harms
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say

TABLE = ".jp-OutputArea-executeResult .kx-dx"

HOSTILE = """
import dataclasses
import kubeagentix as kx
from kubeagentix.notebook.dx_view import DxView
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity, Hypothesis, Term
from tests.browser.hostile import CORPUS
BAD = [" ".join(CORPUS[first::9]) for first in range(9)]
def finding(number, bad):
    ref = ResourceRef(kind=bad, namespace=bad, name=bad)
    log = Evidence.of(ref, "log", bad, excerpt=f"a\\n{bad}\\nb", locator=bad)
    remedy = Remedy(title=bad, command=f"kubectl {bad}", effect="write", why=bad)
    return Finding.of(analyzer=bad, reason=f"{bad}{number}", ref=ref, title=bad, severity=Severity.CRITICAL,
                      confidence=0.9, cause=bad, evidence=(log,), remedies=(remedy,))
found = tuple(finding(n, bad) for n, bad in enumerate(BAD))
causes = tuple(Hypothesis(id=f"h-{f.id}", title=f.title, summary=f"s {f.title}", confidence=0.5, root=f.ref,
                          findings=(f.id,), breakdown=(Term(label=f.title, value=0.5),)) for f in found)
real = kx.diagnose(history=False)
whole = dataclasses.replace(real, findings=(*found, real.findings[0]), hypotheses=causes)
table = DxView(BAD[0], kx.current())
from kubeagentix import sync
sync.run(table._offer())
table.show(whole)
"""
SAID = "It is **this**: <img src=x onerror='window.owned=1'> ![x](http://203.0.113.9/leak) [y](javascript:1)"


def test_hostile_texts_are_text_and_a_row_is_explained(notebook: Callable[..., Book]) -> None:
    with OpenAIServer() as model:
        model.script(
            [Call("list_namespaces", {})],
            [Say(SAID)],
            [Say("Yes: <script>window.owned=1</script> *surely*.")],
        )
        environ = {"KUBEAGENTIX_OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "dummy-key-of-this-test"}
        book = notebook(
            f"import os; os.environ.update({environ!r})",
            "%load_ext kubeagentix\n%kdemo crash-missing-variable",
            HOSTILE,
            "whole",
            theme="dark",
            width=820,
        )
        book.run_all()
        table = book.page.locator(TABLE)
        expect(table.locator(".kx-dx-body .kx-dx-row")).to_have_count(10)
        for cause in table.locator(".kx-dx-cause > summary").all():
            cause.click()
        for row in range(10):  # the last one is real
            table.locator(".kx-dx-body .kx-dx-row").nth(row).click()
            expect(table.locator(".kx-dx-detail .kx-pre").last).to_contain_text("kubectl")
        pane = table.get_by_label("Details of the finding")
        pane.get_by_label("Provider").select_option("openai")
        pane.get_by_role("button", name="Explain with openai").click()
        expect(pane.get_by_role("button", name="Explain again")).to_be_enabled()
        expect(pane.locator(".kx-dx-ran")).to_contain_text("openai / ")
        expect(pane.locator(".kx-dx-said strong")).to_have_text("this")
        expect(pane.locator(".kx-dx-calls")).to_contain_text("list_namespaces")
        pane.get_by_role("button", name="Explain again").scroll_into_view_if_needed()
        book.shot("table-explained-dark")
        pane.get_by_role("button", name="Continue in chat").click()
        chat = pane.locator(".kx-chat")
        expect(chat.locator(".kx-answer strong")).to_have_text("this")
        chat.get_by_label("Your question").fill("are you sure?")
        book.page.keyboard.press("Enter")
        expect(chat.locator(".kx-answer em")).to_have_text("surely")
        chat.locator(".kx-form").scroll_into_view_if_needed()
        book.shot("table-chat-dark")
        assert table.locator("img, script, iframe, svg, a[href^=javascript]").count() == 0
        assert harms(book.page) == []
        table.get_by_role("button", name="Report").click()
        expect(book.output(3).locator(".kx-report")).to_be_visible()
        assert harms(book.page) == []
    assert (book.problems, book.left) == ([], [])
