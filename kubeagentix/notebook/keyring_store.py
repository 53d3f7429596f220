"""The keyring of the operating system, for whoever asks for it: it stores and loads when told to, and never else."""

from __future__ import annotations

import importlib
from typing import Any

from kubeagentix import credentials
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import ConfigurationError, MissingExtraError, NotFoundError, excerpt

SERVICE = "kubeagentix"
SOURCE = "the keyring"
ACTIONS = ("store", "load", "delete")


def store(provider: str, credential: Credential) -> None:
    """Stores it for that provider. Raises MissingExtraError, ConfigurationError."""
    _called("set_password", SERVICE, provider, f"{credential.kind}:{credential.secret.reveal()}")


def load(provider: str) -> Credential:
    """What is stored for that provider. Raises NotFoundError, MissingExtraError, ConfigurationError."""
    found = _called("get_password", SERVICE, provider)
    if not found:
        raise NotFoundError(f"the keyring has no credential for {provider}", hint="store one first")
    return credentials.given(found, "api_key", SOURCE)  # its prefix tells the kind


def delete(provider: str) -> None:
    """Takes it out. Raises as `load`."""
    load(provider)
    _called("delete_password", SERVICE, provider)


def _called(name: str, *words: str) -> Any:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError as error:
        raise MissingExtraError("keyring is not installed", hint="pip install 'kubeagentix[keyring]'") from error
    try:
        return getattr(keyring, name)(*words)
    except Exception as error:  # noqa: BLE001  backends raise what they like, and might quote what they were given
        what = f"the keyring failed: {excerpt(type(error).__name__, 60)}"
        raise ConfigurationError(what, hint="is there one in this session? see keyring --list-backends") from None
