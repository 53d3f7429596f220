"""Each provider with the wire it speaks and a server for it, so that one test can run over all of them.

@pytest.mark.parametrize("wired", WIRED, ids=str)
def test_it(wired: Wired) -> None:
    with wired.server() as server:
        provider = wired.plugin.build(wired.environ(server))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.providers import claude, gemini, openai
from tests.servers.anthropic import AnthropicServer
from tests.servers.gemini import GeminiServer
from tests.servers.openai import OpenAIServer
from tests.servers.wire import WireServer


@dataclass(frozen=True)
class Wired:
    """A provider on one wire. `key_variable` is where it finds a credential in the environment."""

    name: str
    plugin: ProviderPlugin
    server: Callable[[], WireServer]
    url_variable: str
    key_variable: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def environ(self, server: WireServer, key: str = "") -> dict[str, str]:
        """An environment that leads the provider to that server, whoever's credential it is."""
        return {
            self.url_variable: server.base_url,
            **self.settings,
            **({self.key_variable: key} if key else {}),
        }


CLAUDE = Wired("claude", claude.plugin, AnthropicServer, claude.OWN_URL_VARIABLE, "ANTHROPIC_API_KEY")
RESPONSES = Wired(
    "openai-responses",
    openai.plugin,
    OpenAIServer,
    openai.OWN_URL_VARIABLE,
    "OPENAI_API_KEY",
    {openai.API_VARIABLE: "responses"},
)
CHAT = Wired("openai-chat", openai.plugin, OpenAIServer, openai.OWN_URL_VARIABLE, "OPENAI_API_KEY")
GEMINI = Wired("gemini", gemini.plugin, GeminiServer, gemini.OWN_URL_VARIABLE, "GEMINI_API_KEY")
WIRED = (CLAUDE, RESPONSES, CHAT, GEMINI)
