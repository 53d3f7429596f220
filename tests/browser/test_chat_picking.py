"""What is picked in an open chat counts for the next question: provider, model, cluster and namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.book import Book
from tests.browser.test_chat import model
from tests.servers.anthropic import AnthropicServer
from tests.servers.turns import Call, Say
from tests.servers.wire import WireServer

__all__ = ["model"]  # a fixture
CLUSTERS = """
import json, tempfile, yaml
from pathlib import Path
def context(name, demo):
    told = yaml.safe_load(Path(demo.kubeconfig).read_text())
    for kind in ("clusters", "users", "contexts"):
        told[kind][0]["name"] = name
    told["contexts"][0]["context"].update(cluster=name, user=name)
    told["current-context"] = name
    path = Path(tempfile.mkdtemp()) / name
    path.write_text(json.dumps(told))
    return str(path)
prod, stage = kx.demo("crash-missing-variable"), kx.demo("image-tag-not-found")
os.environ["KUBECONFIG"] = f"{context('prod', prod)}:{context('stage', stage)}"
kx.use(None)
"""


@pytest.fixture
def other() -> Iterator[WireServer]:
    with AnthropicServer() as running:
        yield running


def setup(model: WireServer, other: WireServer) -> str:
    environ = {
        "KUBEAGENTIX_OPENAI_BASE_URL": model.base_url,
        "KUBEAGENTIX_OPENAI_API": "responses",
        "OPENAI_API_KEY": "dummy-key-of-openai",
        "KUBEAGENTIX_CLAUDE_BASE_URL": other.base_url,
        "ANTHROPIC_API_KEY": "dummy-key-of-claude",
        "ENABLE_CLAUDE_CODE_PROVIDER": "false",
    }
    return f"%load_ext kubeagentix\nimport os\nimport kubeagentix as kx\nos.environ.update({environ!r})\n{CLUSTERS}"


def ask(chat: Locator, question: str, answers: int) -> None:
    """Types a question and waits for its answer."""
    chat.get_by_label("Your question").fill(question)
    chat.get_by_label("Your question").press("Enter")
    expect(chat.locator(".kx-ran")).to_have_count(answers)
    expect(chat.locator(".kx-pill")).to_have_text("ready")


def test_the_next_question_goes_where_was_picked(
    notebook: Callable[..., Book], model: WireServer, other: WireServer
) -> None:
    pods = Call("list_resources", {"kind": "Pod"})
    other.script([pods], [Say("Claude says this.")])
    model.script([pods], [Say("OpenAI says that.")], [pods], [Say("And in orders.")], [pods], [Say("And in stage.")])
    book = notebook(setup(model, other), "%kchat", app="notebook7")
    book.run_all()
    book.wait_run()
    chat = book.page.locator(".kx-chat")
    provider, named = chat.get_by_label("Provider"), chat.get_by_label("Model")
    context, namespace = chat.get_by_label("Cluster"), chat.get_by_label("Namespace")
    expect(provider.locator("option").first).to_have_text("automatic (claude)")
    expect(context).to_have_value("prod")
    ask(chat, "why?", 1)
    expect(chat.locator(".kx-ran").last).to_contain_text("claude")
    assert len(other.requests) == 2

    provider.select_option("openai")
    named.fill("gpt-of-this-test")
    named.press("Enter")
    ask(chat, "and now?", 2)
    expect(chat.locator(".kx-ran").last).to_contain_text("openai / gpt-of-this-test")
    assert [request.body["model"] for request in model.requests] == ["gpt-of-this-test"] * 2
    assert len(other.requests) == 2

    expect(chat.locator("datalist option[value=orders]")).to_have_count(1)
    namespace.fill("orders")
    namespace.press("Enter")
    ask(chat, "and there?", 3)
    results = chat.locator(".kx-tool")
    expect(results).to_have_count(3)
    for result in results.all():
        result.locator("summary").click()
    expect(results.nth(1)).not_to_contain_text("checkout")  # in the context's own namespace
    expect(results.nth(2)).to_contain_text("checkout")

    context.select_option("stage")
    expect(namespace).to_have_value("")
    expect(chat.locator("datalist option[value=invoicing]")).to_have_count(1)
    namespace.fill("invoicing")
    namespace.press("Enter")
    ask(chat, "and here?", 4)
    expect(chat.locator(".kx-notice").last).to_contain_text("now it is about stage")
    chat.locator(".kx-tool").last.locator("summary").click()
    expect(chat.locator(".kx-tool").last.locator("pre").last).to_contain_text("invoice-renderer")
    book.shot("chat-picked-notebook-7")
    assert book.output(1).locator(".kx-chat").count() == 1
    assert (book.problems, book.left) == ([], [])
