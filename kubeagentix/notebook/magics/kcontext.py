"""`%kcontext`: lists the kubeconfig's contexts, or switches to one."""

from __future__ import annotations

import argparse
from typing import Any

import kubeagentix as kx
from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.contracts import MagicPlugin
from kubeagentix.notebook.session import Lines
from kubeagentix.recognition.masking import masked
from kubeagentix.report.text import clean_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("context", nargs="?", metavar="NAME", help="ask this context from now on (default: list them)")
    parser.add_argument("--kubeconfig", metavar="FILE", help="this kubeconfig instead of KUBECONFIG or ~/.kube/config")


def call(arguments: argparse.Namespace, _: dict[str, Any]) -> Lines:
    """Switches, or shows one line per context."""
    if arguments.context is not None:
        kx.connect(context=arguments.context, kubeconfig=arguments.kubeconfig)
        return Lines(clean_line(f"asking context {arguments.context} from now on"))
    return Lines("\n".join(_lines(arguments.kubeconfig)))


def _lines(kubeconfig: str | None) -> list[str]:
    contexts = list_contexts(kubeconfig)
    asked = kx.current()
    now = asked.context if isinstance(asked, kx.Cluster) else None
    lines = [f"the demo cluster is asked: {asked!r}"] if isinstance(asked, kx.Demo) else []
    for context in contexts:
        is_asked = context.name == now or (asked is None and context.is_current)
        mark = "*" if is_asked else " "
        lines.append(f"{mark} {clean_line(f'{context.name}: {masked(context.server)}, namespace {context.namespace}')}")
    return lines


plugin = MagicPlugin(id="kcontext", help="List the contexts, or switch to one.", configure=configure, call=call)
