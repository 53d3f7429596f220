"""Makes the environment that Binder makes, as far as it goes without a container, and runs the quickstart in it.

    python3.13 binder/check.py FOLDER    # FOLDER becomes that environment; Python as binder/runtime.txt has it

A virtual environment in place of Binder's conda environment, then what Binder does: the locked requirements and
`postBuild`; and by `start` the page that the README's link opens, a diagnosis of the current context, and the notebook.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINDER = ROOT / "binder"
QUICKSTART = "notebooks/01-quickstart.ipynb"
STARTED_S, ENDED_S = 300, 60  # beside a build of the image, say


def main(folder: str) -> None:
    """Raises SystemExit, CalledProcessError or AssertionError where it would not work on Binder."""
    version = "{}.{}".format(*sys.version_info)
    wanted = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    if version != wanted:
        sys.exit(f"this is Python {version}, and Binder's is {wanted}: run it by python{wanted}")
    place = Path(folder).resolve()
    venv.create(place, with_pip=True, clear=True)
    with tempfile.TemporaryDirectory(prefix="kx-binder-") as temporary:
        home = Path(temporary)
        shutil.copytree(ROOT / "notebooks", home / "notebooks")
        check(place, home)


def check(place: Path, home: Path) -> None:
    """Does what Binder does, in this environment and home."""
    environ = environment(place, home)
    run(environ, "python", "-m", "pip", "install", "-q", "-r", BINDER / "requirements.txt")
    run(environ, BINDER / "postBuild")
    open_link(environ, home)
    found = run(environ, BINDER / "start", "kubeagentix", "dx", "--all-namespaces", cwd=home)
    assert "(cluster demo)" in found.splitlines()[0], found
    releases = re.findall(r"^[a-z][\w.-]*==[^ ;\\]+", (BINDER / "requirements.txt").read_text(), re.MULTILINE)
    (home / "releases.txt").write_text("\n".join(releases))
    run(environ, "python", "-m", "pip", "install", "-q", "nbval", "-c", home / "releases.txt")
    words = ("-q", "-p", "no:cacheprovider", "--noconftest", f"--rootdir={home}", "-c", os.devnull)
    run(environ, BINDER / "start", "python", "-m", "pytest", *words, "--nbval-lax", home / QUICKSTART, cwd=home)
    until = time.monotonic() + ENDED_S
    while any(home.rglob("demo.yaml")):
        assert time.monotonic() < until, "a demo cluster has outlived what it was started for"
        time.sleep(0.1)
    print(f"The quickstart runs in Binder's environment, {place}.")


def environment(place: Path, home: Path) -> dict[str, str]:
    """Nobody's variables and home, and the environment's programs first, as in Binder."""
    own = re.compile(r"PATH$|LANG$|LC_|PIP_|SSL_|REQUESTS_|.*_PROXY$|.*_proxy$")
    return {
        **{name: value for name, value in os.environ.items() if own.match(name)},
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "KUBEAGENTIX_RENDER": "static",
    }


def run(environ: dict[str, str], *words: str | Path, cwd: Path = ROOT) -> str:
    """What a program prints, which is shown, too. Raises CalledProcessError."""
    print("$", *words, flush=True)
    program = shutil.which(words[0], path=environ["PATH"]) or str(words[0])
    done = subprocess.run([program, *words[1:]], env=environ, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stdout)
    done.check_returncode()
    return done.stdout


def open_link(environ: dict[str, str], home: Path) -> None:
    """Starts the Jupyter server by `start`, and asks for the page that the README's link opens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    link = re.search(r"mybinder\.org/v2/\S+\?urlpath=([^)\s]+)", (ROOT / "README.md").read_text())
    assert link is not None, "the README has no link to Binder"
    token = secrets.token_hex(16)
    words = ("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "-y")
    command = [str(BINDER / "start"), "jupyter", "lab", *words, "--log-level=WARN"]
    print("$", *command, flush=True)
    environ = dict(environ)
    environ["JUPYTER_TOKEN"] = token  # which no argument list shows
    with subprocess.Popen(command, env=environ, cwd=home) as server:
        try:
            page = wait_for(f"http://127.0.0.1:{port}/{link[1]}", token, server)
            assert "jupyter-config-data" in page, page[:500]
            contents = wait_for(f"http://127.0.0.1:{port}/api/contents/{QUICKSTART}?content=0", token, server)
            assert '"notebook"' in contents, contents
        finally:
            server.terminate()
            server.wait(ENDED_S)


def wait_for(url: str, token: str, server: subprocess.Popen[bytes]) -> str:
    """What a server that is starting answers in the end. Raises AssertionError."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})  # noqa: S310  http, on loopback
    until = time.monotonic() + STARTED_S
    while time.monotonic() < until and server.poll() is None:
        with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(request) as answer:  # noqa: S310
            text: str = answer.read().decode()
            return text
        time.sleep(0.2)
    raise AssertionError(f"{url} did not answer")


if __name__ == "__main__":
    main(*sys.argv[1:])
