"""A real JupyterLab (or Notebook 7) on loopback, with nobody's own settings, and the kernels that notebooks run in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

ROOT = Path(__file__).parents[2]
OLD_PYTHON = os.environ.get("KUBEAGENTIX_TEST_OLD_KERNEL")  # with the ipykernel that Binder ships; tests see no KUBE*
TOKEN = "a-token-of-this-test"
STARTED_S = 60
ENDED_S = 30  # it ends its kernels first
SCRUBBED = ("KUBE", "ANTHROPIC", "CLAUDE", "OPENAI", "GEMINI", "GOOGLE_API", "JUPYTER")  # nobody's own settings


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Where it listens, where its notebooks are, and which kernels it has."""

    url: str
    folder: Path
    kernels: tuple[str, ...]
    place: str = "doc/tree"  # where a notebook opens by itself

    def write(self, name: str, *cells: str, kernel: str = "now") -> None:
        """A notebook of code cells. Without the name of its kernel JupyterLab would ask for one."""
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
        self._write(name, nbformat.v4.new_notebook(cells=code), kernel)  # type: ignore[no-untyped-call]

    def copy(self, path: Path, name: str, kernel: str = "now") -> None:
        """A notebook file as it is, without its outputs."""
        book: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        self._write(name, book, kernel)

    def _write(self, name: str, book: Any, kernel: str) -> None:
        book.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        nbformat.write(book, self.folder / name)  # type: ignore[no-untyped-call]

    def read(self, name: str) -> str:
        """The text of a notebook file."""
        return (self.folder / name).read_text()


@contextmanager
def a_lab(
    folder: Path, environ: dict[str, str] | None = None, app: str = "lab", *, is_deaf: bool = False
) -> Iterator[Lab]:
    """Starts it, or the `app` named `notebook`, and ends it with all of its kernels.

    `is_deaf`: clicks do not reach a kernel whose cell runs, as in frontends that know no subshells.
    """
    notebooks, home = folder / "notebooks", folder / "home"
    for place in (notebooks, home / "config" / "labconfig", home / "kernels"):
        place.mkdir(parents=True)
    quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(quiet))
    completer = home / "settings" / "@jupyterlab" / "completer-extension"
    completer.mkdir(parents=True)
    (completer / "manager.jupyterlab-settings").write_text(json.dumps({"providerTimeout": 30_000}))  # else 1 s
    if is_deaf:
        place = home / "settings" / "@jupyterlab" / "apputils-extension"
        place.mkdir(parents=True)
        (place / "kernels-settings.jupyterlab-settings").write_text('{"commsOverSubshells": "disabled"}')
    kernels = {"now": sys.executable}
    if OLD_PYTHON:
        kernels["old"] = OLD_PYTHON
    for name, python in kernels.items():
        place = home / "data" / "kernels" / name
        place.mkdir(parents=True)
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        place.joinpath("kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": name, "language": "python", "env": {"PYTHONPATH": str(ROOT)}})
        )
    port = _free_port()
    words = (
        *("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={notebooks}"),
        f"--{'LabApp' if app == 'lab' else 'JupyterNotebookApp'}.expose_app_in_browser=True",
    )
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", app, *words],
            env=_environment(home, environ or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=notebooks,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/api?token={TOKEN}", home / "log")
        opening = "doc/tree" if app == "lab" else "notebooks"
        yield Lab(url=f"http://127.0.0.1:{port}", folder=notebooks, kernels=tuple(kernels), place=opening)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    everybody = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    process.terminate()
    try:
        process.wait(ENDED_S)
    except subprocess.TimeoutExpired:  # now and then it waits for a kernel that was being restarted
        for one in everybody:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


def _environment(home: Path, more: dict[str, str]) -> dict[str, str]:
    places = {
        "HOME": home,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTER_DATA_DIR": home / "data",
        "IPYTHONDIR": home / "ipython",
        "XDG_STATE_HOME": home / "state",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}
    return {**kept, **{name: str(place) for name, place in places.items()}, **more}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    ends_at = time.monotonic() + STARTED_S
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # loopback
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def shots(name: str) -> Path:
    """Where screenshots are kept as test output: $KUBEAGENTIX_TEST_SHOTS, else a folder that git ignores."""
    folder = Path(os.environ.get("KUBEAGENTIX_TEST_SHOTS") or ROOT / ".shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"


CHROMIUM: Sequence[str] = ("chromium", "chromium-browser", "google-chrome")
