"""`chat --resume`: which earlier conversation is gone on with, and what the user should know of it."""

from __future__ import annotations

import argparse
import re
import sys

import kubeagentix as kx
from kubeagentix.engine.conversation import Conversation
from kubeagentix.recall import Transcript
from kubeagentix.report.text import clean_line

_ID = re.compile(r"latest|[0-9a-f]{1,10}|(c|d|run)-\S*")  # whole or mistyped: what begins like an id is no question


def conversation(arguments: argparse.Namespace) -> Conversation:
    """The one that `--resume` names, or a new one. A question that stands after `--resume` is asked, not looked up.

    Raises NotFoundError and UsageError for an id that is not there or not clear.
    """
    if arguments.resume is None:
        return Conversation()
    if not _ID.fullmatch(arguments.resume):
        arguments.question.insert(0, arguments.resume)
        arguments.resume = "latest"
    found = kx.history.resume(arguments.resume)
    if not arguments.quiet:
        sys.stderr.write(f"{_told(found)}\n")
    return found


def _told(found: Conversation) -> str:
    kept = kx.history.show(found.id)
    assert isinstance(kept, Transcript)
    stored = kept.conversation
    count = len(stored.runs)
    words = f"going on with {found.id} ({count} question{'' if count == 1 else 's'}, cluster {stored.cluster})"
    last = "" if stored.state == "finished" else f"; its last run: {stored.state}"
    return clean_line(f"{words}: {stored.title}{last}", 200)
