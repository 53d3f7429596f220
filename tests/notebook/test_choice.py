"""The one choice of whom to ask: by a cell, else by `%config`, else by the settings; what was entered is nowhere."""

from __future__ import annotations

import argparse
import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.utils.capture import capture_output
from traitlets.config import Config

from kubeagentix import options
from kubeagentix.errors import AuthenticationError, UsageError
from kubeagentix.notebook.choice import ENTERED, KubeAgentix, chosen
from kubeagentix.options import OneLineParser
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Say
from tests.servers.wire import WireServer

KEY = "dummy-key-that-was-entered"


@pytest.fixture
def choice(shell: Any) -> KubeAgentix:
    return chosen()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_API", "responses")  # which wants a key
        running.script(then=[Say("It is the web.")])
        yield running


def parsed(*words: str) -> argparse.Namespace:
    parser = OneLineParser("%kdx", "help")
    options.add_dx_options(parser)
    return parser.parse(words)


def printed(shell: Any, cell: str) -> str:
    with capture_output(display=False) as captured:
        shell.run_cell(cell).raise_error()
    return str(captured.stdout)


def test_config_shows_and_sets_it(shell: Any, choice: KubeAgentix) -> None:
    printed(shell, "%config KubeAgentix.provider = 'claude-code'\n%config KubeAgentix.model = 'opus'")
    printed(shell, "%config KubeAgentix.namespace = 'shop'\n%config KubeAgentix.show_provider_debug = True")
    assert (choice.provider, choice.model, choice.namespace) == ("claude_code", "opus", "shop")
    assert choice.show_provider_debug
    assert "KubeAgentix.model=<Unicode>" in (told := printed(shell, "%config KubeAgentix"))
    assert "Current: 'opus'" in told


def test_an_unknown_provider_is_one_line_and_changes_nothing(
    shell: Any, choice: KubeAgentix, caplog: pytest.LogCaptureFixture
) -> None:
    choice.provider = "openai"
    with caplog.at_level(logging.ERROR):
        printed(shell, "%config KubeAgentix.provider = 'clawde'")
    assert [record.getMessage() for record in caplog.records] == [
        "KubeAgentix.provider: there is no provider 'clawde'; did you mean claude?"
    ]
    with pytest.raises(UsageError, match="did you mean claude"):
        choice.provider = "clawde"
    assert choice.provider == "openai"


def test_a_config_file_sets_it_too() -> None:
    section = {"provider": "gemini", "model": "m", "namespace": "shop"}
    choice = KubeAgentix(config=Config({"KubeAgentix": section}))
    assert (choice.provider, choice.model, choice.namespace) == ("gemini", "m", "shop")
    with pytest.raises(UsageError, match=r"KubeAgentix.provider: there is no provider 'gemni'; did you mean gemini"):
        KubeAgentix(config=Config({"KubeAgentix": {"provider": "gemni"}}))


def test_the_variable_shows_what_ran_until_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not KubeAgentix().show_provider_debug
    monkeypatch.setenv("KUBEAGENTIX_SHOW_PROVIDER_DEBUG", "1")
    assert KubeAgentix().show_provider_debug
    assert not KubeAgentix(config=Config({"KubeAgentix": {"show_provider_debug": False}})).show_provider_debug


def test_a_model_does_not_follow_to_another_provider(shell: Any, choice: KubeAgentix) -> None:
    printed(shell, "%config KubeAgentix.provider = 'claude'\n%config KubeAgentix.model = 'opus'")
    printed(shell, "%config KubeAgentix.provider = 'openai'")
    assert choice.model == ""
    choice.use("gemini", "flash")
    printed(shell, "%config KubeAgentix.namespace = 'shop'")  # what was set by it before does not come back
    assert (choice.provider, choice.model) == ("gemini", "flash")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), ("claude", "opus")),
        (("--provider", "openai"), ("openai", None)),
        (("--provider", "claude"), ("claude", "opus")),
        (("--model", "haiku"), ("claude", "haiku")),
        (("--provider", "rules"), ("rules", None)),
        (("--provider", "auto"), ("auto", None)),
    ],
)
def test_a_cell_comes_before_the_session(words: tuple[str, ...], asked: tuple[str, str | None]) -> None:
    choice = KubeAgentix()
    choice.use("claude", "opus")
    arguments = choice.applied(parsed(*words))
    assert (arguments.provider, arguments.model) == asked


def test_without_a_choice_the_analyzers_alone_are_asked_and_a_chat_whoever_it_says() -> None:
    choice = KubeAgentix()
    assert choice.applied(parsed()).provider is None
    assert not choice.whom()
    assert choice.whom(otherwise="auto").provider == "auto"
    assert choice.whom(model="opus").provider == "auto"


@pytest.mark.parametrize(
    ("words", "namespace"),
    [
        ((), "shop"),
        (("-n", "bank"), "bank"),
        (("-A",), None),
        (("--demo",), None),
        (("--context", "other"), None),
    ],
)
def test_the_namespace_is_meant_where_a_cell_names_no_place(words: tuple[str, ...], namespace: str | None) -> None:
    assert KubeAgentix(namespace="shop").applied(parsed(*words)).namespace == namespace


def test_what_was_entered_goes_to_its_provider_and_to_no_other() -> None:
    choice = KubeAgentix()
    choice.enter("openai", f" {KEY}\n")
    kept = choice.credential_of("openai")
    assert kept is not None
    assert (kept.kind, kept.secret.reveal(), kept.source) == ("api_key", KEY, ENTERED)
    assert options.model_choice(choice.applied(parsed("--provider", "openai")))["credential"] is kept
    assert choice.applied(parsed("--provider", "claude")).credential is None
    assert choice.applied(parsed()).credential is None
    assert choice.whom("auto").provider == "openai"  # the first that is configured now
    assert choice.forget("openai") == ("openai",)
    assert choice.forget() == ()
    assert choice.credential_of("openai") is None


def test_what_is_configured_comes_before_what_was_entered_for_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = KubeAgentix()
    choice.enter("gemini", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-the-environment")
    assert choice.whom("auto").provider == "auto"
    monkeypatch.setenv("KUBEAGENTIX_PROVIDER", "gemini")
    assert choice.whom("auto").provider == "gemini"


@pytest.mark.parametrize(
    ("provider", "text", "error", "told"),
    [
        ("openai", "  ", AuthenticationError, "is empty"),
        ("openai", "broken in\nthe middle", AuthenticationError, "line break"),
        ("opnai", KEY, UsageError, "did you mean openai"),
        ("rules", KEY, UsageError, "takes no credential"),
    ],
)
def test_what_cannot_be_a_credential_is_refused_and_not_kept(
    provider: str, text: str, error: type[Exception], told: str
) -> None:
    choice = KubeAgentix()
    with pytest.raises(error, match=told) as caught:
        choice.enter(provider, text)
    assert not text.strip() or text not in str(caught.value)
    assert choice.forget() == ()


SHOWN: dict[str, Callable[[KubeAgentix], object]] = {
    "repr": repr,
    "str": str,
    "traits": lambda choice: choice.trait_values(),
    "vars": vars,
    "config": lambda choice: choice.config,
    "help": KubeAgentix.class_get_help,
    "whom": lambda choice: choice.whom("openai"),
    "options": lambda choice: choice.applied(parsed("--provider", "openai")),
    "pickle": pickle.dumps,
    "a copy": lambda choice: vars(copy.deepcopy(choice)),
}


@pytest.mark.parametrize("way", SHOWN)
def test_what_was_entered_is_not_in(way: str) -> None:
    choice = KubeAgentix()
    choice.enter("openai", KEY)
    assert KEY not in str(SHOWN[way](choice))


def test_kdx_asks_whom_the_session_chose_with_what_was_entered(
    shell: Any, choice: KubeAgentix, broken: str, server: WireServer
) -> None:
    choice.enter("openai", KEY)
    printed(shell, f"%kdx --snapshot {broken}")
    assert server.requests == []
    choice.use("openai", "gpt-chosen")
    printed(shell, f"dx = %kdx --snapshot {broken}")
    assert (server.requests[0].token, server.heard[0].model) == (KEY, "gpt-chosen")
    assert "openai" in {attempt.provider for attempt in shell.user_ns["dx"].attempts}
    assert KEY not in repr(shell.user_ns)
