"""Whom this notebook asks, unless a cell says otherwise: one choice, for magics and widgets alike.

`%config KubeAgentix` shows and sets it; what a cell names comes before it, and it before the settings. Credentials that
somebody enters are kept beside it in the kernel's memory, for this session: they are in no trait, no output, no file,
and gone with the kernel.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from traitlets import Bool, TraitType, Unicode, default, observe
from traitlets.config import Configurable

from kubeagentix import credentials, registry
from kubeagentix.api import AUTO, credential_kind
from kubeagentix.domain.secrets import Credential
from kubeagentix.engine.selection import find, ordered
from kubeagentix.errors import NotConfiguredError, ProviderError, UsageError
from kubeagentix.settings import load_settings

ENTERED = "what was entered in this notebook"  # where such a credential is from, in words that are no secret
PLACES = ("snapshot", "demo", "context", "kubeconfig")  # options that look elsewhere than at the current cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Who is asked, for `diagnose`, `chat` and `Engine`; all empty for the analyzers alone."""

    provider: str = ""
    model: str = ""
    credential: Credential | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return bool(self.provider or self.model)


class _Name(Unicode[str, str | bytes]):
    """A provider's id, `auto`, or nothing; dashes count as underscores. Raises UsageError with the nearest name."""

    def validate(self, obj: Any, value: Any) -> str:
        name = super().validate(obj, value)
        return _id_of(name.strip(), "KubeAgentix.provider: ")


class _Kept(dict[str, Credential]):
    """Credentials by provider. A copy or a pickle of it is empty."""

    def __reduce_ex__(self, _: Any) -> tuple[Callable[[], _Kept], tuple[()]]:
        return _Kept, ()


class KubeAgentix(Configurable):
    """Defaults of the magics and widgets, as in `%config KubeAgentix.provider = 'claude'`."""

    provider: TraitType[str, Any] = _Name(
        "", help="Who is asked: claude_code, claude, openai, gemini, rules, or auto for the first that is configured."
    ).tag(config=True)
    model = Unicode("", help="The model of that provider; empty for its default.").tag(config=True)
    namespace = Unicode("", help="The namespace of the current cluster that is meant where none is named.").tag(
        config=True
    )
    show_provider_debug = Bool(
        help="Show provider, model and attempts after each run; else KUBEAGENTIX_SHOW_PROVIDER_DEBUG says so."
    ).tag(config=True)

    def __init__(self, **more: Any) -> None:
        self._credentials = _Kept()
        super().__init__(**more)

    @default("show_provider_debug")
    def _of_settings(self) -> bool:
        return load_settings(os.environ).show_provider_debug

    @observe("provider")
    def _leave_model(self, change: Mapping[str, Any]) -> None:
        """A model belongs to a provider: with another one it is left behind."""
        if change["old"]:
            self.model = ""

    def use(self, provider: str, model: str = "") -> None:
        """Asks this one from now on. Raises UsageError for an unknown provider."""
        self.provider = provider
        self.model = model

    def whom(self, provider: str = "", model: str = "", *, otherwise: str = "") -> Whom:
        """Who is asked where a cell names `provider` and `model`; `otherwise`, where neither it nor this choice does.

        A model goes with the provider that it was set for. Raises UsageError for an unknown provider.
        """
        named = _id_of(provider, "")
        if not named and not model:
            named, model = self.provider, self.model
        elif named == self.provider or not named:
            named, model = named or self.provider, model or self.model
        named = named or otherwise or (AUTO if model else "")
        if named == AUTO:
            named = self._first_kept() or AUTO
        return Whom(provider=named, model=model, credential=self._credentials.get(named))

    def applied(self, arguments: argparse.Namespace, *, otherwise: str = "") -> argparse.Namespace:
        """The options of a magic with this choice where they say nothing; `credential` is among them then."""
        whom = self.whom(arguments.provider or "", arguments.model or "", otherwise=otherwise)
        is_elsewhere = any(getattr(arguments, name, None) is not None for name in PLACES)
        namespace = getattr(arguments, "namespace", None)
        is_named = namespace is not None or getattr(arguments, "all_namespaces", False)
        return argparse.Namespace(
            **{
                **vars(arguments),
                "provider": whom.provider or None,
                "model": whom.model or None,
                "credential": whom.credential,
                "namespace": namespace if is_named or is_elsewhere else self.namespace or None,
            }
        )

    def enter(self, provider: str, text: str) -> Credential:
        """Keeps what somebody typed or pasted for that provider, for this session.

        Raises UsageError for an unknown provider or one that takes none, AuthenticationError for a text that cannot be
        one, NotConfiguredError where it would not help.
        """
        plugin = find(registry.providers(), provider)
        if not plugin.is_language_model:
            raise UsageError(f"{plugin.title} takes no credential", hint="it can be asked as it is")
        credential = credentials.given(text, credential_kind(plugin.id), ENTERED)
        ready = plugin.ready(os.environ, credential)
        if ready.credential is None:
            raise NotConfiguredError(f"{plugin.title} cannot be asked: {ready.why_not}", provider=plugin.id)
        self.keep(plugin.id, credential)
        return credential

    def keep(self, provider: str, credential: Credential) -> None:
        """Uses this credential for that provider, in this session."""
        self._credentials[_id_of(provider, "")] = credential

    def forget(self, provider: str = "") -> tuple[str, ...]:
        """No longer; without a name, none of them. Whose were kept. Raises UsageError for an unknown provider."""
        names = [_id_of(provider, "")] if provider else list(self._credentials)
        return tuple(name for name in names if self._credentials.pop(name, None) is not None)

    def credential_of(self, provider: str) -> Credential | None:
        """What was entered for that provider in this session."""
        return self._credentials.get(provider)

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """All that was entered, by provider."""
        return MappingProxyType(self._credentials)

    def _first_kept(self) -> str:
        """The provider that `auto` stands for, if its credential was entered here; else the engine finds it."""
        if not self._credentials:
            return ""
        named = load_settings(os.environ).provider
        if named:
            first = _id_of(named, "")
        else:
            first = next((item.id for item in ordered(registry.providers()) if self._can_be_asked(item.id)), "")
        return first if first in self._credentials else ""

    def _can_be_asked(self, provider: str) -> bool:
        try:
            ready = registry.providers()[provider].ready(os.environ, self._credentials.get(provider))
        except ProviderError:
            return False
        return ready.credential is not None


def _id_of(name: str, where: str) -> str:
    if not name or name == AUTO:
        return name
    try:
        return find(registry.providers(), name).id
    except UsageError as error:
        raise UsageError(f"{where}{error.message}", hint=error.hint) from None


_chosen: WeakKeyDictionary[Any, KubeAgentix] = WeakKeyDictionary()


def choose_for(shell: Any) -> KubeAgentix:
    """The choice of that shell, which `%config` then knows; the same each time."""
    if shell not in _chosen:
        _chosen[shell] = KubeAgentix(parent=shell)
        shell.configurables.append(_chosen[shell])
    return _chosen[shell]


def chosen() -> KubeAgentix:
    """The choice of the shell that this runs in; the defaults, where there is none."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  the magics' modules load without a shell

    shell = get_ipython()
    return choose_for(shell) if shell is not None else KubeAgentix()
