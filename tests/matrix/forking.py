"""Processes that have loaded what a row needs and fork one for each: loading takes longer than asking.

A forked row has nothing of the process it comes from but loaded modules: its environment, its folders and its output
are made anew.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import kubeagentix
from tests.matrix.row import told

ROOT = Path(kubeagentix.__file__).parents[1]


class Forking:
    """A process that forks one row at a time."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.matrix.forking"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, environ: Mapping[str, str], cwd: Path) -> tuple[int, str]:
        """The exit code of a row with that environment, and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"environ": environ, "cwd": str(cwd)}) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return code, (cwd / "printed").read_text()


def main() -> None:
    """Forks for each line of standard input, and answers with the exit code."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_run(order))
        _, status = os.waitpid(child, 0)
        _load(Path(order["cwd"], "loaded"))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(order: Mapping[str, Any]) -> int:
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    tempfile.tempdir = None
    with Path("printed").open("w") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        os.close(0)
        try:
            result = told(json.loads(os.environ.pop("KX_MATRIX_ROW")))
            Path("loaded").write_text(json.dumps(list(sys.modules)))
            os.write(1, f"{json.dumps(result)}\n".encode())
        except BaseException:  # noqa: BLE001  what is left of a fork must not go on
            os.write(2, traceback.format_exc().encode())
            return 1
    return 0


def _load(names: Path) -> None:
    """Loads what a row had to load, for the next ones."""
    with suppress(OSError):
        for name in json.loads(names.read_text()):
            with suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    main()
