"""The program that goes through the README's "Check your login": the command line, then a notebook's shell.

It is read from standard input, as row.py is, and prints one line of JSON: by the name of each step its exit code and
what it said.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from kubeagentix.cli.app import main


def told(namespace: str) -> dict[str, Any]:
    """Every step."""
    asked = ["--provider", "claude_code", "--pin", "-n", namespace]
    commands = {
        "providers": ["providers", "--format", "json"],
        "providers --test": ["providers", "--test"],
        "chat": ["chat", "Why is it broken?", *asked],
        "dx": ["dx", *asked],
    }
    found = {name: heard(partial(main, words)) for name, words in commands.items()}
    shell: Any = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "kubeagentix")
    cells = {
        "%kproviders": "%kproviders --test",
        "%%kchat": f"%%kchat {' '.join(asked)}\nWhy is it broken?",
        "%%kdx": f"%%kdx {' '.join(asked)}\n",
    }
    for name, cell in cells.items():
        found[name] = heard(partial(run, shell, cell))
    return found


def run(shell: Any, cell: str) -> int:
    """Runs a cell; 1 if it failed."""
    return 0 if shell.run_cell(cell).success else 1


def heard(step: Callable[[], int]) -> dict[str, Any]:
    """What one step returned and said."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = step()
    return {"code": code, "said": said.getvalue()}


if __name__ == "__main__":
    plan = json.loads(os.environ.pop("KX_MATRIX_ROW"))
    os.environ["ANTHROPIC_BASE_URL"] = f"{plan['claude']}/checklist"
    sys.stdout.write(json.dumps(told(plan["namespace"])) + "\n")
