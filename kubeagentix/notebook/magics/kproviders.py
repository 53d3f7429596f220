"""`%kproviders`: who could be asked here, as whom, and what is set but not used."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable
from typing import Any

from kubeagentix import agent
from kubeagentix.contracts import MagicPlugin
from kubeagentix.notebook.session import Lines


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--test", action="store_true", help="make a real minimal call to each that is configured")


def call(arguments: argparse.Namespace, _: dict[str, Any]) -> Awaitable[Lines]:
    """Lists them."""
    return _listed(test=arguments.test)


async def _listed(*, test: bool) -> Lines:
    return Lines(agent.status_table(await agent.provider_statuses(test=test)))


plugin = MagicPlugin(
    id="kproviders", help="Say which models can be asked, with which credential.", configure=configure, call=call
)
