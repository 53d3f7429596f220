"""Whom this notebook asks, unless a cell says otherwise: one choice, for magics and widgets alike.

`%config KubeAgentix` shows and sets it. Credentials that somebody enters are kept beside it in the kernel's memory, for
this session: they are in no trait, no output, no file, and gone with the kernel.
"""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakKeyDictionary

from traitlets import Bool, Unicode, default
from traitlets.config import Configurable

from kubeagentix.domain.secrets import Credential
from kubeagentix.settings import load_settings


class KubeAgentix(Configurable):
    """Defaults of the magics and widgets, as in `%config KubeAgentix.provider = 'claude'`."""

    provider = Unicode("", help="Who is asked: claude, claude_code, openai, gemini, rules or auto.").tag(config=True)
    model = Unicode("", help="The model of that provider; empty for its default.").tag(config=True)
    namespace = Unicode("", help="The namespace that is meant where none is named.").tag(config=True)
    show_provider_debug = Bool(
        help="Show provider, model and attempts after each run; else KUBEAGENTIX_SHOW_PROVIDER_DEBUG says so."
    ).tag(config=True)

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._credentials: dict[str, Credential] = {}

    @default("show_provider_debug")
    def _of_settings(self) -> bool:
        return load_settings(os.environ).show_provider_debug

    def keep(self, provider: str, credential: Credential) -> None:
        """Uses this credential for that provider, in this session."""
        self._credentials[provider] = credential

    def forget(self, provider: str) -> None:
        """No longer."""
        self._credentials.pop(provider, None)

    def credential_of(self, provider: str) -> Credential | None:
        """What was entered for that provider in this session."""
        return self._credentials.get(provider)


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
