"""Who is asked: the providers of one request, in the order in which they are tried.

The request's own choice comes first, then the session's, then the settings', then the first that is configured. A
credential goes to the provider that it was given for and to no other, whether that is asked first or after another
failed. `rules` is always last.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.requests import Readiness
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import AuthenticationError, NotConfiguredError, ProviderError, UsageError, excerpt

ORDER = ("claude_code", "claude", "openai", "gemini")  # then what else there is, then `rules`
LAST = "rules"
SELECTED, FALLBACK = "selected", "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a session or the settings prefer; empty for no preference. `credentials` are by provider."""

    provider: str = ""
    model: str = ""
    credential: Credential | None = field(default=None, repr=False)
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False, hash=False)
    said_by: str = ""  # the setting that names it, for who has to mend it

    def given(self, provider: str) -> Credential | None:
        """The credential that it holds for that provider by name."""
        return next((item for name, item in self.credentials.items() if _is_same(name, provider)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A provider that may be asked, as whom and for which model; `error` says why it cannot.

    `is_broken` where a credential is set for it and cannot be used.
    """

    plugin: ProviderPlugin
    model: str
    label: str
    credential: Credential | None = None
    error: ProviderError | None = None
    is_broken: bool = False

    @property
    def source(self) -> str:
        """Where the credential is from, in words that are no secret."""
        return self.credential.source if self.credential is not None else ""


def ordered(plugins: Mapping[str, ProviderPlugin]) -> list[ProviderPlugin]:
    """All providers in the order in which they are preferred."""
    rest = [name for name in plugins if name not in (*ORDER, LAST)]
    return [plugins[name] for name in (*ORDER, *rest, LAST) if name in plugins]


def find(plugins: Mapping[str, ProviderPlugin], name: str) -> ProviderPlugin:
    """The provider of that name (dashes count as underscores). Raises UsageError with the nearest."""
    wanted = name.strip().lower().replace("-", "_")
    for key, plugin in plugins.items():
        if key.replace("-", "_") == wanted:
            return plugin
    near = difflib.get_close_matches(wanted, plugins, n=1)
    known = ", ".join(plugin.id for plugin in ordered(plugins))
    hint = f"did you mean {near[0]}?" if near else f"the providers are {known}"
    raise UsageError(f"there is no provider {excerpt(name, 60)!r}", hint=hint)


def candidates(
    options: RunOptions,
    choices: Iterable[Choice],
    plugins: Mapping[str, ProviderPlugin],
    environ: Mapping[str, str],
) -> list[Candidate]:
    """Whom to try, best first; never empty. `choices`: the session's, then the settings'.

    Raises UsageError for an unknown name or a credential without a provider, and NotConfiguredError or
    AuthenticationError where the only one that may be tried cannot be.
    """
    own = Choice(
        provider=options.provider,
        model=options.model,
        credential=options.credential,
        credentials=options.credentials,
    )
    wanted = [own, *choices]
    named = next((choice for choice in wanted if choice.provider), None)
    for_nobody = [choice for choice in wanted if choice.credential is not None and not choice.provider]
    if any(choice is not wanted[0] or named is None for choice in for_nobody):
        raise UsageError("a credential was given, but not for whom", hint="name the provider as well")
    if named is None:
        found = _configured(wanted, plugins, environ, besides="")
        return found if options.fallback else _only(found[0])
    plugin = _found(plugins, named)
    first = _candidate(plugin, _merged(plugin, wanted), environ, SELECTED)
    if not options.fallback:
        return _only(first)
    return [first, *_configured(wanted, plugins, environ, besides=plugin.id)]


def _only(candidate: Candidate) -> list[Candidate]:
    if candidate.error is not None:
        raise candidate.error
    return [candidate]


def _found(plugins: Mapping[str, ProviderPlugin], named: Choice) -> ProviderPlugin:
    try:
        return find(plugins, named.provider)
    except UsageError as error:
        if not named.said_by:
            raise
        raise UsageError(f"{named.said_by}: {error.message}", hint=error.hint) from None


def _is_same(name: str, provider: str) -> bool:
    return name.replace("-", "_") == provider.replace("-", "_")


def _merged(plugin: ProviderPlugin, wanted: Iterable[Choice]) -> Choice:
    """What is said of `plugin`: each of model and credential by whoever comes first; a choice for another is none."""
    model, credential = "", None
    is_first = True
    for choice in wanted:
        if not choice.provider or _is_same(choice.provider, plugin.id):
            if choice.provider or is_first:
                model, credential = model or choice.model, credential or choice.credential
            is_first = False
        credential = credential or choice.given(plugin.id)
    return Choice(provider=plugin.id, model=model, credential=credential)


def _configured(
    wanted: Sequence[Choice], plugins: Mapping[str, ProviderPlugin], environ: Mapping[str, str], *, besides: str
) -> list[Candidate]:
    """All that are configured, the first of them as the selected one unless another was named.

    One that would come first, but whose credential cannot be used, is not passed over in silence: it counts as tried.
    """
    model = "" if besides else next((choice.model for choice in wanted if choice.model), "")
    found: list[Candidate] = []
    for plugin in ordered(plugins):
        if plugin.id == besides:
            continue
        label = FALLBACK if besides or found else SELECTED
        given = next(filter(None, (choice.given(plugin.id) for choice in wanted)), None)
        own_model = model if label == SELECTED and plugin.id != LAST else ""
        choice = Choice(provider=plugin.id, model=own_model, credential=given)
        candidate = _candidate(plugin, choice, environ, label)
        is_first = not besides and all(item.is_broken for item in found)
        if candidate.error is None or (candidate.is_broken and is_first):
            found.append(candidate)
    return found


def _candidate(plugin: ProviderPlugin, choice: Choice, environ: Mapping[str, str], label: str) -> Candidate:
    model = choice.model or model_of(plugin, environ)
    try:
        readiness = plugin.ready(environ, choice.credential)
    except ProviderError as error:
        is_broken = isinstance(error, AuthenticationError)
        return Candidate(plugin=plugin, model=model, label=label, error=error, is_broken=is_broken)
    if readiness.credential is None:
        why_not = _not_configured(plugin, readiness)
        return Candidate(plugin=plugin, model=model, label=label, error=why_not, is_broken=readiness.is_broken)
    return Candidate(plugin=plugin, model=model, label=label, credential=readiness.credential)


def model_of(plugin: ProviderPlugin, environ: Mapping[str, str]) -> str:
    """The model that the environment names for it, or else its default."""
    named = (environ.get(name, "").strip() for name in plugin.model_variables)
    return next((name for name in named if name), plugin.default_model)


def _not_configured(plugin: ProviderPlugin, readiness: Readiness) -> NotConfiguredError:
    message = f"{plugin.title} is not configured: {readiness.why_not}"
    return NotConfiguredError(message, hint="see kubeagentix providers", provider=plugin.id)
