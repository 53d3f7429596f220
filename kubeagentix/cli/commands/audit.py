"""`kubeagentix audit`: what was asked, approved, refused and done about changes, from the audit log."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence

from kubeagentix.audit import Entry, audit_log, entries
from kubeagentix.cli import output
from kubeagentix.contracts import CommandPlugin
from kubeagentix.errors import UsageError
from kubeagentix.report.text import clean_line
from kubeagentix.settings import load_settings

DEFAULT_LAST = 50


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--last", type=int, default=DEFAULT_LAST, metavar="N", help=f"the last N decisions (default: {DEFAULT_LAST})"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to show it (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Shows the last decisions, oldest first."""
    if arguments.last < 1:
        raise UsageError("--last must be at least 1", hint=f"the default is {DEFAULT_LAST}")
    log = audit_log(load_settings(os.environ).audit_log, os.environ)
    found = list(entries(log))[-arguments.last :]
    if arguments.format == "json":
        output.write(json.dumps(found, indent=2) + "\n", is_document=True)
    else:
        output.write(_text(found) or f"nothing is written down in {log.path}\n")
    return 0


def _text(found: Sequence[Entry]) -> str:
    return "".join(f"{_line(entry)}\n" for entry in found)


def _line(entry: Entry) -> str:
    """`2026-11-29T16:04:07  performed  scale Deployment shop/web from 1 to 3 replicas (prod), by terminal: why`."""
    at, decision = str(entry.get("at", ""))[:19], str(entry.get("decision", ""))
    what = str(entry.get("summary") or entry.get("tool") or "")
    cluster = f" ({entry['cluster']})" if entry.get("cluster") else ""
    by = f", by {entry['by']}" if entry.get("by") else ""
    why = f": {entry['why']}" if entry.get("why") else ""
    return clean_line(f"{at}  {decision:<17}  {what}{cluster}{by}{why}", 400)


plugin = CommandPlugin(id="audit", help="show what was decided and done about changes", configure=configure, run=run)
