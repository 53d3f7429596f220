"""The providers' card: tried out, chosen and given a credential by clicks, which is seen nowhere afterwards."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from kubeagentix import sync
from kubeagentix.errors import ConfigurationError, KubeAgentiXError, NotFoundError, UsageError
from kubeagentix.notebook import keyring_store
from kubeagentix.notebook.choice import KubeAgentix, chosen
from kubeagentix.notebook.provider_card import ProviderCard, look, static_of
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Fail, Say
from tests.servers.wire import WireServer

KEY = "dummy-key-that-was-typed"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_API", "responses")  # which wants a key
        yield running


class Clicked:
    """A card, what was sent to its browser, and what a person does there."""

    def __init__(self, choice: KubeAgentix) -> None:
        self.choice = choice
        self.card = ProviderCard(choice, sync.run(look(choice)))
        self.sent: list[Any] = []
        self.card.view.send = lambda content, _=None: self.sent.append(content)
        self.say({"op": "hello"})

    def say(self, content: Any) -> None:
        self.card.view._received(None, content, None)

    def click(self, intent: str, provider: str = "", **more: Any) -> None:
        self.say({"intent": intent, "provider": provider, **more})

    def part(self, provider: str) -> dict[str, Any]:
        return next(part for part in self.card.view.parts if part["id"] == provider)

    @property
    def said(self) -> str:
        return str(self.card.view.state.get("said", ""))

    @property
    def next(self) -> str:
        return str(self.card.view.state["next"])


@pytest.fixture
def clicked(shell: Any) -> Clicked:
    return Clicked(chosen())


def until(holds: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends_at, "it never came"
        time.sleep(0.01)


def test_it_says_who_can_be_asked_as_whom_and_who_is_next(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-the-environment")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "dummy-key-of-an-admin")
    clicked = Clicked(chosen())
    openai = clicked.part("openai")
    assert openai["facts"][0] == "uses OPENAI_API_KEY, model gpt-6.2-sol"
    assert openai["facts"][1].startswith("OPENAI_ADMIN_KEY is set but ignored: ")
    assert openai["badges"] == ["asked next"]
    assert clicked.part("gemini")["facts"][0].startswith("not configured: GEMINI_API_KEY")
    assert clicked.next == "%kdx asks the analyzers alone; %kchat and --provider auto ask openai"
    assert not clicked.part("rules")["has_model"]


def test_use_is_the_choice_of_all_cells_until_it_is_stopped(clicked: Clicked) -> None:
    clicked.click("use", "openai", model="gpt-x")
    assert (clicked.choice.provider, clicked.choice.model) == ("openai", "gpt-x")
    until(lambda: clicked.part("openai")["badges"] == ["in use"])
    assert clicked.next.startswith("%kdx and %kchat ask openai / gpt-x from now on")
    clicked.click("use")
    until(lambda: not clicked.part("openai")["is_chosen"])
    assert clicked.choice.provider == ""


def test_a_typed_credential_configures_its_provider_until_it_is_forgotten(clicked: Clicked, server: WireServer) -> None:
    assert not clicked.part("openai")["is_configured"]
    clicked.click("credential", "openai", text=KEY)
    until(lambda: clicked.part("openai")["is_configured"])
    assert clicked.part("openai")["facts"][0].startswith("uses what was entered in this notebook")
    assert clicked.said == "openai: kept for this session, in the kernel's memory only"
    server.script([Say("ready")])
    clicked.click("test", "openai")
    until(lambda: clicked.part("openai")["trial"])
    assert server.requests[0].token == KEY
    clicked.click("forget", "openai")
    until(lambda: not clicked.part("openai")["is_configured"])
    assert not clicked.part("openai")["is_kept"]


def test_a_typed_credential_is_in_nothing_that_is_shown_sent_or_kept_with_the_widget(clicked: Clicked) -> None:
    content = {"intent": "credential", "provider": "openai", "text": KEY}
    clicked.say(content)
    until(lambda: clicked.part("openai")["is_configured"])
    view = clicked.card.view
    everywhere = (
        content,
        clicked.sent,
        view.parts,
        view.state,
        view.get_state(),
        static_of(clicked.choice, [*clicked.card._found.values()]),
    )
    assert KEY not in str(everywhere)
    assert KEY not in str(vars(clicked.card))
    assert clicked.choice.credential_of("openai") is not None


@pytest.mark.parametrize("text", ["two words", "", 7, None])
def test_what_cannot_be_one_is_refused_in_one_line(clicked: Clicked, text: object) -> None:
    clicked.click("credential", "gemini", text=text)
    until(lambda: clicked.said)
    assert "\n" not in clicked.said
    assert "two words" not in clicked.said
    assert clicked.card.view.state["is_error"]
    assert clicked.choice.credential_of("gemini") is None


def test_whatever_goes_wrong_a_typed_credential_is_in_no_traceback(
    clicked: Clicked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: KubeAgentix, __: str, text: str) -> None:
        raise RuntimeError(f"cannot take {text}")

    monkeypatch.setattr(KubeAgentix, "enter", fail)
    clicked.click("credential", "openai", text=KEY)  # raises nothing
    assert clicked.said == "it failed: RuntimeError"
    assert KEY not in str(clicked.sent)


def test_a_test_tells_who_answered_and_how_fast(
    shell: Any, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-the-environment")
    server.script([Say("ready")], [Fail("authentication", message="no <b>such</b> key")])
    clicked = Clicked(chosen())
    clicked.click("test", "openai", model="gpt-y")
    until(lambda: clicked.part("openai")["trial"])
    assert server.heard[0].model == "gpt-y"
    assert clicked.part("openai")["trial"].startswith("test: gpt-y answered in ")
    assert clicked.part("openai")["outcome"] == "good"
    clicked.click("test", "openai")
    until(lambda: clicked.part("openai")["outcome"] == "bad")
    assert clicked.part("openai")["trial"].startswith("test failed after ")
    html = static_of(clicked.choice, [*clicked.card._found.values()])["text/html"]
    assert "no &lt;b&gt;such&lt;/b&gt; key" in html
    assert len(server.requests) == 2


OUTCOMES = {
    "wrong key": (Fail("authentication", message="no such key"), "no such key"),
    "no model": (Fail("model_not_found"), "does not exist"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_test_that_fails_says_why(
    shell: Any, server: WireServer, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-the-environment")
    step, told = OUTCOMES[outcome]
    server.script([step], then=[step])
    clicked = Clicked(chosen())
    clicked.click("test", "openai", model="nope")
    until(lambda: clicked.part("openai")["outcome"] == "bad")
    assert told in clicked.part("openai")["trial"]
    assert "dummy-key" not in str(clicked.sent)


def test_a_test_of_what_nobody_answers_says_so(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-the-environment")
        clicked = Clicked(chosen())
        clicked.click("test", "openai")
        until(lambda: clicked.part("openai")["outcome"] == "bad")
    assert "connect" in clicked.part("openai")["trial"]


def test_what_is_passed_on_is_told_apart(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-the-environment")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/cert.pem")
    openai = Clicked(chosen()).part("openai")
    assert "SSL_CERT_FILE" in str(openai["passed_on"])
    assert len(openai["facts"]) == 1


def test_noise_does_nothing(clicked: Clicked) -> None:
    before = clicked.card.view.parts
    for name, provider in (("test", "nobody"), ("dance", "openai"), ("forget", "openai")):
        clicked.click(name, provider)
    clicked.click("use", "nobody")
    assert "there is no provider 'nobody'" in clicked.said
    assert clicked.card.view.parts == before
    assert clicked.choice.provider == ""


class Keyring(ModuleType):
    """A keyring that is a dict, as the package's functions use one."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, name: str, text: str) -> None:
        self.kept[service, name] = text

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    made = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", made)
    return made


def said(shell: Any, line: str) -> str:
    return repr(shell.run_line_magic("kproviders", line))


def test_a_keyring_is_used_when_it_is_asked_for_and_only_then(shell: Any, keyring: Keyring) -> None:
    chosen().enter("openai", KEY)
    said(shell, "")
    assert keyring.kept == {}
    assert said(shell, "--keyring store openai") == "openai: stored in the keyring"
    assert said(shell, "--forget") == "forgotten: openai"
    assert "uses the keyring" not in said(shell, "")
    assert said(shell, "--keyring load openai") == "openai: loaded from the keyring, for this session"
    assert "uses the keyring" in (told := said(shell, ""))
    assert KEY not in told
    kept = chosen().credential_of("openai")
    assert kept is not None
    assert (kept.kind, kept.secret.reveal()) == ("api_key", KEY)
    assert said(shell, "--keyring delete openai") == "openai: deleted from the keyring"
    with pytest.raises(NotFoundError, match="has no credential for openai"):
        said(shell, "--keyring load openai")


def test_without_a_keyring_one_line_says_what_to_install(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KubeAgentiXError, match=r"keyring is not installed; pip install 'kubeagentix\[keyring\]'"):
        said(shell, "--keyring load openai")


def test_a_keyring_that_fails_quotes_nothing(keyring: Keyring, monkeypatch: pytest.MonkeyPatch, shell: Any) -> None:
    def fail(*words: str) -> None:
        raise RuntimeError(f"no backend for {words}")

    monkeypatch.setattr(keyring, "set_password", fail)
    with pytest.raises(ConfigurationError, match="the keyring failed: RuntimeError") as caught:
        keyring_store.store("openai", chosen().enter("openai", KEY))
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--keyring store openai", "nothing was entered for openai"),
        ("--keyring burn openai", "--keyring cannot burn; it can store, load, delete"),
        ("--test --forget", "--test and --forget exclude each other"),
        ("--enter nobody", "there is no provider 'nobody'"),
    ],
)
def test_a_mistake_is_told(shell: Any, line: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        said(shell, line)


def test_a_credential_can_be_typed_where_there_are_no_widgets(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: KEY)
    assert said(shell, "--enter openai").startswith("openai: kept for this session")
    assert chosen().credential_of("openai") is not None
    assert KEY not in repr(shell.user_ns)


def test_nobody_types_in_a_kernel_without_input(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> str:
        raise NotImplementedError

    monkeypatch.setattr("getpass.getpass", refuse)
    with pytest.raises(UsageError, match="nobody can type a credential here"):
        said(shell, "--enter openai")


def test_one_alone_can_be_tried_out(shell: Any, server: WireServer) -> None:
    chosen().enter("openai", KEY)
    server.script([Say("ready")])
    told = said(shell, "--test openai")
    assert "answered in" in told
    assert "rules" not in told
