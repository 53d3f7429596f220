"""`%kproviders`: who can be asked here, as whom; tried out, chosen and given a credential in a card."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from kubeagentix import registry, sync
from kubeagentix.contracts import MagicPlugin
from kubeagentix.engine.selection import find
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.notebook import keyring_store
from kubeagentix.notebook.choice import KubeAgentix, chosen
from kubeagentix.notebook.session import Lines

EVERY = "*"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--test", nargs="?", const=EVERY, metavar="NAME", help="make a real minimal call to each that is configured"
    )
    parser.add_argument("--enter", metavar="NAME", help="ask for its credential, masked, and keep it for this session")
    parser.add_argument(
        "--forget", nargs="?", const=EVERY, metavar="NAME", help="forget what was entered for it, or for all"
    )
    parser.add_argument(
        "--keyring",
        nargs=2,
        metavar=("|".join(keyring_store.ACTIONS), "NAME"),
        help="store what was entered in the system's keyring, load it from there for this session, or delete it there",
    )


def call(arguments: argparse.Namespace, _: dict[str, Any]) -> Lines | None:
    """Shows them, or does what an option says."""
    given = [name for name in ("test", "enter", "forget", "keyring") if getattr(arguments, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in given)} exclude each other", hint="give one of them")
    choice = chosen()
    if arguments.enter is not None:
        return _entered(choice, arguments.enter)
    if arguments.forget is not None:
        return _forgotten(choice, "" if arguments.forget == EVERY else arguments.forget)
    if arguments.keyring is not None:
        return _by_keyring(choice, *arguments.keyring)
    return _shown(choice, test=arguments.test is not None, only=(arguments.test or "").replace(EVERY, ""))


def _shown(choice: KubeAgentix, *, test: bool, only: str) -> Lines | None:
    from kubeagentix import agent  # noqa: PLC0415  the engine is loaded where a model may be asked
    from kubeagentix.notebook import showing  # noqa: PLC0415  widgets are loaded where one is shown
    from kubeagentix.notebook.provider_card import ProviderCard, look  # noqa: PLC0415  the same

    found = sync.run(look(choice, test=test, only=only))  # what is shown first belongs to the cell's own thread
    if not showing.is_live():
        return Lines(agent.status_table(found))
    ProviderCard(choice, found).show()
    return None


def _entered(choice: KubeAgentix, name: str) -> Lines:
    plugin = find(registry.providers(), name)
    try:
        text = getpass.getpass(f"Credential for {plugin.title} (not shown): ")
    except (EOFError, NotImplementedError) as error:  # StdinNotImplementedError: nbconvert, nbval, papermill
        raise UsageError("nobody can type a credential here", hint="set its variable instead") from error
    choice.enter(plugin.id, text)
    return Lines(f"{plugin.id}: kept for this session, in the kernel's memory only")


def _forgotten(choice: KubeAgentix, name: str) -> Lines:
    names = choice.forget(name)
    return Lines(f"forgotten: {', '.join(names)}" if names else "nothing was kept")


def _by_keyring(choice: KubeAgentix, action: str, name: str) -> Lines:
    provider = find(registry.providers(), name).id
    if action == "load":
        choice.keep(provider, keyring_store.load(provider))
        return Lines(f"{provider}: loaded from the keyring, for this session")
    if action == "delete":
        keyring_store.delete(provider)
        return Lines(f"{provider}: deleted from the keyring")
    if action != "store":
        raise UsageError(f"--keyring cannot {excerpt(action, 60)}", hint=f"it can {', '.join(keyring_store.ACTIONS)}")
    credential = choice.credential_of(provider)
    if credential is None:
        raise UsageError(f"nothing was entered for {provider}", hint=f"first %kproviders --enter {provider}")
    keyring_store.store(provider, credential)
    return Lines(f"{provider}: stored in the keyring")


plugin = MagicPlugin(
    id="kproviders", help="Say which models can be asked, with which credential.", configure=configure, call=call
)
