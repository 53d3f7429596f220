"""How a command shows a Diagnosis: `--format`, `--output`, and their friends."""

from __future__ import annotations

import argparse
import os
import sys

from kubeagentix import options
from kubeagentix.cli import output
from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.errors import ClusterError
from kubeagentix.report.files import write_file


def present(diagnosis: Diagnosis, arguments: argparse.Namespace) -> None:
    """Shows the diagnosis as the options say: coloured on a terminal, plain in a pipe or a file.

    Raises ClusterError once it is shown if nothing at all could be read: that is no success.
    """
    if arguments.output is not None:
        write_file(arguments.output, options.rendered(diagnosis, arguments))
    elif arguments.format == "table" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from kubeagentix.cli.table import show  # noqa: PLC0415  brings rich, which a pipe does not need

        show(diagnosis, is_verbose=arguments.verbose, has_color=not arguments.no_color)
    else:
        output.write(options.rendered(diagnosis, arguments), is_document=arguments.format != "table")
    if diagnosis.gaps and not any(diagnosis.counts.values()):
        first = diagnosis.gaps[0]
        raise ClusterError(f"nothing could be read, such as {first.what}: {first.why}", hint="so nothing is known")
