"""The `kubeagentix` program: runs a command and turns every known error into one line.

Exit codes: 0 fine, 1 findings as bad as `--fail-on` says, 2 bad input or a cluster that cannot be asked,
130 interrupted, 141 the reader of a pipe went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kubeagentix import __version__
from kubeagentix.cli import output
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.report.text import clean_line


def main(words: Sequence[str] | None = None) -> int:
    """Runs the program on `words` (default: the command line) and returns its exit code."""
    try:
        output.prepare()
        code = _run(list(sys.argv[1:] if words is None else words))
        output.write("")  # the help, which argparse has printed, may still be on its way
    except KubeAgentiXError as error:
        if os.environ.get("KUBEAGENTIX_DEBUG"):
            _print_traceback()
        print(f"error: {clean_line(str(error), 2000)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        output.abandon()
        return 141
    return code


def _run(words: list[str]) -> int:
    if words[:1] in (["-V"], ["--version"]):  # before anything is loaded
        output.write(f"kubeagentix {__version__}\n")
        return 0
    from kubeagentix.cli.commanding import run  # noqa: PLC0415  so that an interrupt while it loads is quiet, too

    return run(words)


def _print_traceback() -> None:
    import traceback  # noqa: PLC0415  both for this alone

    from kubeagentix.recognition.masking import masked  # noqa: PLC0415

    print(masked(traceback.format_exc()), file=sys.stderr)
