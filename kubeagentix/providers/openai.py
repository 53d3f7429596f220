"""OpenAI, on its official client: the Responses API, or Chat Completions where a base_url names a compatible server."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.credentials import Variable, from_environ
from kubeagentix.domain.events import ModelEvent, Notice
from kubeagentix.domain.requests import ModelRequest, Price, Readiness
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.errors import ModelNotFoundError, ProviderError
from kubeagentix.wire import chat, loading, pool, responses
from kubeagentix.wire.ambient import custom_headers, explicit_headers, is_ambient
from kubeagentix.wire.readiness import base_url_of, with_surroundings
from kubeagentix.wire.retry import RetryPolicy, retried
from kubeagentix.wire.taxonomy import Asked

ID = "openai"
SDK, SDK_PARTS = "openai", ("openai.resources.responses", "openai.resources.chat")
OFFICIAL_URL = "https://api.openai.com/v1"
OWN_URL_VARIABLE = "KUBEAGENTIX_OPENAI_BASE_URL"
API_VARIABLE = "KUBEAGENTIX_OPENAI_API"  # `responses` or `chat`, where the address does not tell
URL_VARIABLE = "OPENAI_BASE_URL"
VARIABLES: tuple[Variable, ...] = (("OPENAI_API_KEY", "api_key"),)
HEADERS_VARIABLE = "OPENAI_CUSTOM_HEADERS"
IDLE_S = 120.0  # a local server may load its model first
NO_KEY = "no-key-needed"  # what a local server is sent: the client insists on a key

_RESPONSES_HOSTS = re.compile(r"(^|\.)openai\.(com|azure\.com)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """Asks OpenAI or a compatible server. `by_markup`: models (with their server) that were seen to take no tools."""

    environ: Mapping[str, str]
    idle_s: float = IDLE_S
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    by_markup: set[tuple[str, str]] = field(default_factory=set)

    async def stream(self, request: ModelRequest, credential: Credential) -> AsyncGenerator[ModelEvent, None]:
        """The events of one call; see contracts.Provider."""
        sdk = await loading.load(SDK, ID, *SDK_PARTS)
        idle_s = min(self.idle_s, request.deadline_s)
        base_url = self._base_url(credential)
        uses_responses = _uses_responses(self.environ, base_url)
        title = "the OpenAI API" if uses_responses else "the OpenAI-compatible server"
        asked = Asked(
            provider=ID, title=title, model=request.model, credential=credential, idle_s=idle_s, address=base_url
        )
        client = await self._client(sdk, credential, base_url, idle_s)
        events = self._responses(client, request, asked) if uses_responses else self._chat(client, request, asked)
        async with aclosing(events):
            async for event in events:
                yield event

    def _responses(self, client: Any, request: ModelRequest, asked: Asked) -> AsyncGenerator[ModelEvent, None]:
        body = responses.body_of(request)
        return retried(
            lambda: responses.attempt(client, body, asked),
            self.retries,
            request.deadline_s,
            lambda error: responses.adjust(body, error),
        )

    def _chat(self, client: Any, request: ModelRequest, asked: Asked) -> AsyncGenerator[ModelEvent, None]:
        served = (asked.address, request.model)
        body = chat.body_of(request, by_markup=served in self.by_markup)

        def adjust(error: ProviderError) -> Notice | None:
            if isinstance(error, ModelNotFoundError):
                error.hint = "name one that this server has: with the model option, or in OPENAI_MODEL"
            if served not in self.by_markup and request.tools and chat.is_about_tools(error):
                self.by_markup.add(served)
                body.clear()
                body.update(chat.body_of(request, by_markup=True))
                return Notice(code="markup", message=f"tools are asked for by markup: {error.message}")
            return chat.adjust(body, error)

        return retried(lambda: chat.attempt(client, body, asked), self.retries, request.deadline_s, adjust)

    def _base_url(self, credential: Credential) -> str:
        variable = URL_VARIABLE if _is_ambient(credential) else ""
        return base_url_of(self.environ, OWN_URL_VARIABLE, variable) or OFFICIAL_URL

    async def _client(self, sdk: Any, credential: Credential, base_url: str, idle_s: float) -> Any:
        ambient = self.environ if _is_ambient(credential) else {}
        secret = credential.secret.reveal()
        organization, project = ambient.get("OPENAI_ORG_ID", ""), ambient.get("OPENAI_PROJECT_ID", "")
        wanted = {
            "OpenAI-Organization": organization or sdk.omit,
            "OpenAI-Project": project or sdk.omit,
            **custom_headers(ambient, HEADERS_VARIABLE),
        }
        own = {
            "authorization": f"Bearer {secret}",
            "content-type": "application/json",
            "accept": "application/json",
            "openai-organization": organization or sdk.omit,
            "openai-project": project or sdk.omit,
        }
        return sdk.AsyncOpenAI(
            api_key=secret,
            admin_api_key="",  # nothing of ours needs one, and None would read it from the environment
            organization=organization,
            project=project,
            base_url=base_url,
            max_retries=0,
            timeout=pool.timeout(idle_s),
            default_headers=explicit_headers(wanted, HEADERS_VARIABLE, sdk.omit, own),
            http_client=await pool.shared(),
        )


def _is_ambient(credential: Credential) -> bool:
    return is_ambient(credential.source, (*(name for name, _ in VARIABLES), URL_VARIABLE))


def _uses_responses(environ: Mapping[str, str], base_url: str) -> bool:
    """Whether this server is asked by the Responses API: OpenAI's own, and whatever API_VARIABLE says."""
    chosen = environ.get(API_VARIABLE, "").strip().lower()
    return chosen == "responses" if chosen else bool(_RESPONSES_HOSTS.search(urlsplit(base_url).hostname or ""))


def ready(environ: Mapping[str, str], credential: Credential | None) -> Readiness:
    """A key of the request, else OPENAI_API_KEY; a server of one's own may need none."""
    hint = "make a key at platform.openai.com, or name a local server in OPENAI_BASE_URL"
    found = from_environ(environ, VARIABLES, credential, hint)
    local = next((name for name in (OWN_URL_VARIABLE, URL_VARIABLE) if environ.get(name, "").strip()), "")
    if found.credential is None and local and not _uses_responses(environ, environ[local]):
        keyless = Credential(kind="api_key", secret=Secret(NO_KEY), source=local)
        found = replace(found, credential=keyless, why_not="")
    return with_surroundings(
        found,
        environ,
        module=SDK,
        extra=ID,
        own_url=OWN_URL_VARIABLE,
        url=URL_VARIABLE,
        variables=("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", HEADERS_VARIABLE),
        never={"OPENAI_ADMIN_KEY": "it is for administration only"},
        is_ambient=found.credential is not None and _is_ambient(found.credential),
    )


def build(environ: Mapping[str, str]) -> OpenAI:
    """The provider; its client begins to load."""
    loading.begin(SDK, *SDK_PARTS)
    return OpenAI(environ=environ)


# List prices, for prompts of up to 272,000 tokens: longer ones cost more, which is left out of account.
# Source: developers.openai.com/api/docs/models/gpt-6.2-sol and its like, and the announcements of those dates.
PRICES: Mapping[str, Price] = {
    "gpt-6.2-sol": Price(input=2, output=10, cached=0.10, cache_write=2.5, date="2026-11-17"),
    "gpt-6.1-sol": Price(input=2, output=10, cached=0.10, cache_write=2.5, date="2026-09-29"),
    "gpt-6-sol": Price(input=2, output=10, cached=0.20, cache_write=2.5, date="2026-09-22"),
    "gpt-6-luna": Price(input=0.10, output=0.50, cached=0.01, cache_write=0.125, date="2026-09-22"),
    "gpt-6-astra": Price(input=10, output=50, cached=1, date="2026-09-03"),
    "gpt-5.6-terra": Price(input=2, output=12, cached=0.20, date="2026-07-30"),
    "gpt-5.6-luna": Price(input=0.20, output=1.20, cached=0.02, date="2026-07-30"),
}

plugin = ProviderPlugin(
    id=ID,
    title="OpenAI API, or a compatible server",
    default_model="gpt-6.2-sol",
    context_tokens=200_000,  # what every current model takes, at its lower price
    tool_calls="native",
    ready=ready,
    build=build,
    extra=ID,
    model_variables=("OPENAI_MODEL",),
    prices=PRICES,
)
