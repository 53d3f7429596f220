"""`%kdx` and `%%kdx`: Quick Dx in a cell, with the options of `kubeagentix dx`."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import kubeagentix as kx
from kubeagentix import options
from kubeagentix.contracts import MagicPlugin
from kubeagentix.domain.payloads import NOBODY, Payload
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.notebook import session
from kubeagentix.notebook.choice import chosen

if TYPE_CHECKING:
    from kubeagentix.api import Source


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    options.add_dx_options(parser)
    options.add_result_options(parser)
    options.add_fail_option(parser)
    parser.add_argument("-o", "--out", metavar="NAME", help="also keep the Diagnosis in this variable")


def call(arguments: argparse.Namespace, user_ns: dict[str, Any]) -> Awaitable[object]:
    """An awaitable of what the cell shows, as a rule the Diagnosis."""
    options.check(arguments)
    if arguments.out is not None and (not arguments.out.isidentifier() or keyword.iskeyword(arguments.out)):
        raise UsageError(f"{excerpt(arguments.out, 60)!r} is no variable name", hint="as in -o diagnosis")
    options.target_of(arguments)
    arguments = chosen().applied(arguments)
    # Opening what is asked, and the first display, belong to the cell's own thread.
    if arguments.show_payload:
        return _show(arguments, session.source_of(arguments), session.Progress("Quick Dx"))
    return _diagnose(arguments, session.source_of(arguments), session.Progress("Quick Dx"), user_ns)


async def _diagnose(
    arguments: argparse.Namespace, source: Source | None, progress: session.Progress, user_ns: dict[str, Any]
) -> kx.Diagnosis | None:
    try:
        with progress as listen:
            diagnosis = await kx.adiagnose(**options.question(arguments, source, listen))
    finally:
        if isinstance(source, kx.Cluster):
            source.close()
    if arguments.out:
        user_ns[arguments.out] = diagnosis
    return session.shown(diagnosis, arguments)


async def _show(
    arguments: argparse.Namespace, source: Source | None, progress: session.Progress
) -> Payload | session.Lines:
    from kubeagentix import agent  # noqa: PLC0415  only where a model is asked

    try:
        with progress as listen:
            payload = await agent.apayload(**options.question(arguments, source, listen))
    finally:
        if isinstance(source, kx.Cluster):
            source.close()
    return payload if payload is not None else session.Lines(NOBODY)


plugin = MagicPlugin(
    id="kdx",
    help="Say why a workload, a namespace or a cluster is broken.",
    configure=configure,
    call=call,
    has_cell=True,
)
