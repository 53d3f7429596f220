"""`%kdx` and `%%kdx`: Quick Dx in a cell, with the options of `kubeagentix dx`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import kubeagentix as kx
from kubeagentix import api, options
from kubeagentix.contracts import MagicPlugin
from kubeagentix.domain.events import Listener
from kubeagentix.domain.payloads import NOBODY, Payload
from kubeagentix.errors import UsageError
from kubeagentix.notebook import ran, session
from kubeagentix.notebook.choice import chosen
from kubeagentix.notebook.showing import is_live
from kubeagentix.notebook.variables import check_name
from kubeagentix.notebook.watching import MAX_S, MIN_S, Watch
from kubeagentix.redaction import Redactor
from kubeagentix.report.text import clean_line

if TYPE_CHECKING:
    from kubeagentix.api import Source
    from kubeagentix.notebook.dx_view import DxView


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    options.add_dx_options(parser)
    options.add_result_options(parser)
    options.add_fail_option(parser)
    parser.add_argument("-o", "--out", metavar="NAME", help="also keep the Diagnosis in this variable")
    parser.add_argument(
        "--watch",
        type=float,
        metavar="SECONDS",
        help="look again so often, and mark what is new and gone; Stop or an interrupt ends it",
    )


def call(arguments: argparse.Namespace, user_ns: dict[str, Any]) -> Awaitable[object]:
    """An awaitable of what the cell shows, as a rule the Diagnosis."""
    options.check(arguments)
    check_name(arguments.out, user_ns, "diagnosis")
    _check_watch(arguments)
    options.target_of(arguments)
    arguments = _with_choice(arguments)
    # Opening what is asked, and the first display, belong to the cell's own thread.
    source = session.source_of(arguments)
    if arguments.show_payload:
        return _show(arguments, source, session.Progress("Quick Dx"))
    finished = partial(_finished, arguments, user_ns)
    has_table = is_live() and arguments.format == "table" and not arguments.verbose and arguments.output is None
    if not has_table:
        if arguments.watch is not None:
            why = "is for the table, without --format, --verbose and --output" if is_live() else "needs a live notebook"
            sys.stderr.write(f"--watch {why}: this is one look\n")
        return _diagnose(arguments, source, session.Progress("Quick Dx"), finished)
    from kubeagentix.notebook.dx_view import DxView  # noqa: PLC0415  widgets are loaded where one is shown

    table = DxView(
        _title(arguments),
        source if source is not None else kx.current(),
        arguments.provider or "",
        arguments.model or "",
    ).begin()
    if arguments.watch is None:
        return _kept(arguments, user_ns, table, _diagnose(arguments, source, table, finished, table))
    return Watch(table, partial(_look, arguments, source), arguments.watch, finished)


def _title(arguments: argparse.Namespace) -> str:
    """What a cell's first display says; a variable's value that stands in it may be anything."""
    about = options.target_of(arguments) or arguments.namespace or "the cluster"
    return clean_line(Redactor().text(f"Quick Dx of {about}"), 200)


def _check_watch(arguments: argparse.Namespace) -> None:
    if arguments.watch is None:
        return
    if not MIN_S <= arguments.watch <= MAX_S:
        raise UsageError(f"--watch takes {MIN_S:.0f} to {MAX_S:.0f} seconds", hint="as in --watch 10")
    if arguments.snapshot is not None:
        raise UsageError("--watch and --snapshot exclude each other", hint="a saved snapshot does not change")
    if arguments.provider or arguments.model or arguments.show_payload:
        raise UsageError("--watch asks no model", hint="leave --provider out; each row of the table can be explained")


def _with_choice(arguments: argparse.Namespace) -> argparse.Namespace:
    """What the cell does not say, as `%config KubeAgentix` has it; who watches asks no model."""
    applied = chosen().applied(arguments)
    if arguments.watch is not None:
        applied.provider = applied.model = applied.credential = None
    return applied


async def _diagnose(
    arguments: argparse.Namespace,
    source: Source | None,
    progress: session.Progress | DxView,
    finished: Callable[[kx.Diagnosis], kx.Diagnosis | None],
    table: DxView | None = None,
) -> kx.Diagnosis | None:
    with progress as listen:
        diagnosis = await _look(arguments, source, listen, table)
        if table is not None and table.diagnosis is not diagnosis:
            table.show(diagnosis)
    return finished(diagnosis)


async def _kept(
    arguments: argparse.Namespace,
    user_ns: dict[str, Any],
    table: DxView,
    work: Coroutine[Any, Any, kx.Diagnosis | None],
) -> kx.Diagnosis | None:
    """What the table shows at the end is in the variable too, also after an interrupt."""
    try:
        return await work
    finally:
        if arguments.out and table.diagnosis is not None:
            user_ns[arguments.out] = table.diagnosis


async def _look(
    arguments: argparse.Namespace, source: Source | None, listen: Listener, table: DxView | None = None
) -> kx.Diagnosis:
    """One diagnosis; a table shows what the analyzers found while it is being kept, and while a model is asked."""
    asked = options.question(arguments, source, listen)
    if arguments.watch is not None:
        asked["history"] = False
    try:
        return await _diagnosed(table, **asked)
    finally:
        if isinstance(source, kx.Cluster):
            source.close()  # its connections; another look opens new ones


def _diagnosed(
    table: DxView | None,
    *,
    provider: str,
    model: str,
    credential: api.CredentialLike | None,
    fallback: bool,
    anonymize: bool | None,
    history: bool,
    listen: Listener,
    **place: Any,
) -> Coroutine[Any, Any, kx.Diagnosis]:
    """As `kx.adiagnose`, with all credentials of this notebook at hand, and with a table of what is found first."""
    whom = api.asking_of(provider, model, credential, fallback=fallback, anonymize=anonymize)
    question = api.question_of(**place)
    if whom is not None:
        whom = replace(whom, credentials=dict(chosen().credentials))
    if table is not None:
        phase = "asking" if whom is not None else "done"
        question = replace(question, quick_dx=partial(_told, question.quick_dx, table, phase))
    return api.diagnosed(question, whom, listen, is_kept=history)


async def _told(
    quick_dx: Callable[..., Awaitable[kx.Diagnosis]], table: DxView, phase: str, *place: Any
) -> kx.Diagnosis:
    found = await quick_dx(*place)
    table.show(found, phase=phase)
    return found


def _finished(arguments: argparse.Namespace, user_ns: dict[str, Any], diagnosis: kx.Diagnosis) -> kx.Diagnosis | None:
    if arguments.out:
        user_ns[arguments.out] = diagnosis
    ran.show(diagnosis)
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
