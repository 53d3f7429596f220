"""`kubeagentix lab`: JupyterLab with the example notebooks, on a demo cluster that lives as long as it does."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import kubeagentix as kx
from kubeagentix.cli import tether
from kubeagentix.cli.output import write
from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.contracts import CommandPlugin
from kubeagentix.errors import KubeAgentiXError, MissingExtraError, UsageError, excerpt
from kubeagentix.paths import expanded

FOLDER = "kubeagentix-examples"
FIRST = "01-quickstart.ipynb"
DEMO = "demo"  # the name of the demo's context
LOOPBACK = "127.0.0.1"
GRACE_S = 15.0  # JupyterLab ends its kernels one after the other
LOOK_S = 0.2  # how often it is seen whether JupyterLab has ended by itself


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "folder",
        nargs="?",
        default=FOLDER,
        metavar="FOLDER",
        help=f"put the examples here, overwriting nothing (default: {FOLDER})",
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="listen on this port (default: a free one)")
    parser.add_argument(
        "--ip", default=LOOPBACK, metavar="ADDRESS", help=f"listen at this address of the machine (default: {LOOPBACK})"
    )
    parser.add_argument(
        "--keep-context", action="store_true", help="your own current context stays current, where there is one"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(arguments: argparse.Namespace) -> int:
    """Copies the examples, starts the demo cluster and JupyterLab, and ends both together."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtraError("JupyterLab is not installed", hint="pip install 'kubeagentix[lab]'")
    _check_port(arguments.ip, arguments.port)
    folder = Path(arguments.folder).absolute()
    copied, kept = copy_examples(folder)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: ended.set())
    with kx.demo() as running:
        own = _own_kubeconfigs()
        write(_told(folder, copied, kept, _of_the_demo(len(running.scenarios), own, arguments.keep_context)))
        files = (*own, running.kubeconfig) if arguments.keep_context else (running.kubeconfig, *own)
        environ = {**os.environ, "KUBECONFIG": os.pathsep.join(files)}  # the first to set a current context wins
        return _serve(_command(folder, arguments), environ, ended)


def examples() -> Path:
    """The folder of the example notebooks: in the package, or beside it in a checkout."""
    package = Path(str(files("kubeagentix")))
    packed = package / "examples"
    return packed if packed.is_dir() else package.parent / "notebooks"


def copy_examples(folder: Path) -> tuple[int, int]:
    """Copies what is not there yet; how many files that were, and how many were there. Raises UsageError."""
    copied = kept = 0
    for source in _files(examples()):
        target = folder / source.relative_to(examples())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(source.read_bytes())
            copied += 1
        except FileExistsError:
            if not target.is_file():
                raise UsageError(
                    f"{folder} cannot hold the examples: {target} is in the way", hint="name another"
                ) from None
            kept += 1
        except OSError as error:
            message = f"cannot write {target}: {excerpt(error.strerror or str(error))}"
            raise UsageError(message, hint="name another folder") from error
    return copied, kept


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in (".ipynb", ".md") and not is_hidden:  # in a checkout there are their tests, too
            yield path


def _check_port(ip: str, port: int) -> None:
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is no port", hint="it must be from 0 to 65535")
    try:
        family, kind, _, _, address = socket.getaddrinfo(ip, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one just left is free for a server, too
            tried.bind(address)
    except (OSError, UnicodeError) as error:
        place = f"port {port}" if ip == LOOPBACK else f"port {port} of {excerpt(ip)}"
        message = f"cannot listen on {place}: {excerpt((getattr(error, 'strerror', '') or str(error)).lower())}"
        other = "take another port, or none" if ip == LOOPBACK else "take another port, or an address of this machine"
        raise UsageError(message, hint=other) from error


def _own_kubeconfigs() -> tuple[str, ...]:
    """The user's own files, as far as they can be read: a damaged one shall not stand in the demo's way."""
    own = os.environ.get("KUBECONFIG") or str(expanded("~/.kube/config"))
    return tuple(name for name in own.split(os.pathsep) if name and _contexts_of(name) is not None)


def _contexts_of(kubeconfig: str) -> set[str] | None:
    try:
        return {item.name for item in list_contexts(kubeconfig)}
    except KubeAgentiXError:
        return None


def _command(folder: Path, arguments: argparse.Namespace) -> list[str]:
    port = [f"--port={arguments.port}", "--ServerApp.port_retries=0"] if arguments.port else []
    browser = ["--no-browser"] if arguments.no_browser else []
    # JupyterLab refuses root, who has started this already and gains nothing by it.
    root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return [
        *(sys.executable, "-m", tether.__name__, "jupyterlab", f"--ip={arguments.ip}", "--log-level=WARN"),
        *(f"--ServerApp.root_dir={folder}", f"--LabApp.default_url=/lab/tree/{FIRST}"),
        *(*port, *browser, *root),
    ]


def _serve(command: list[str], environ: Mapping[str, str], ended: threading.Event) -> int:
    """Runs JupyterLab until it ends or is told to, at the latest until we are gone, however that comes.

    In a session of its own: Ctrl-C is for us, and it asks nothing.
    """
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            while process.poll() is None and not ended.wait(LOOK_S):
                pass
            if process.poll() is not None:
                return 2 if process.returncode else 0  # it has said why
        finally:
            _end(process)
    return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it with its kernels; what does not go by itself is killed, and its kernels notice."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _of_the_demo(scenarios: int, own: Iterable[str], keeps_context: bool) -> str:
    running = f"The demo cluster is running {scenarios} scenarios"
    if not keeps_context:
        return f"{running}; it is every notebook's current context."
    if any(DEMO in (_contexts_of(name) or ()) for name in own):
        return f"{running}; your own context `{DEMO}` hides it from notebooks, where %kdemo starts another."
    return f"{running}: the context `{DEMO}`, current in notebooks if none of your own is."


def _told(folder: Path, copied: int, kept: int, demo: str) -> str:
    what = f"{copied} files copied" + (f", {kept} kept as they were" if kept else "")
    # One that is given JupyterLab does not print, nor its address.
    asks = "; it asks for the token that JUPYTER_TOKEN holds" if os.environ.get("JUPYTER_TOKEN") else ""
    return "\n".join(
        (
            f"The examples are in {folder} ({what}).",
            demo,
            f"JupyterLab is starting{asks}. Ctrl-C ends both.",
            "",
        )
    )


plugin = CommandPlugin(
    id="lab", help="open JupyterLab with the examples, on a demo cluster", configure=configure, run=run
)
