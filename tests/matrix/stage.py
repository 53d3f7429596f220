"""Where the rows are run: the models' servers and the demo cluster on loopback, and a home that is made for each row.

A row is one process, on the host or in a container, with an environment that is built anew. Secrets reach it by its
environment and by files in its home, never by an argument.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, Self

from kubeagentix.demo.running import start_demo
from tests.matrix.forking import ROOT, Forking
from tests.matrix.table import MODES, REFUSED, SECOND_KEY, WAYS, Place, Row
from tests.servers.anthropic import AnthropicServer
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Fail, Say, Step
from tests.servers.wire import Recorded, WireServer

SCENARIO, NAMESPACE = "config-map-missing", "pricing"
CAUSE = "Deployment pricing/pricing is not started: there is no ConfigMap pricing-settings."
ROW, CHECKLIST = (Path(__file__).with_name(f"{name}.py") for name in ("row", "checklist"))
HOME, HOME_INSIDE = "{home of the row}", "/home/kubeagentix"
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}  # nobody there: nothing gets out
FUTURE_MS, PAST_MS = 4_102_444_800_000, 1_700_000_000_000
TIMEOUT_S = 300
AT_ONCE = 3  # rows: they wait as long as they work


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What runs containers, of which image; `words` go before `run`, `arguments` after it."""

    image: str
    words: Sequence[str]
    arguments: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of a row: the cells by name, all that its process printed, and what it was started by."""

    cells: Mapping[str, Mapping[str, Any]]
    printed: str
    command: Sequence[str]


@dataclass
class Stage:
    """Entered, it has its servers up; `run` runs a row."""

    engine: Engine | None = None
    claude: AnthropicServer = field(default_factory=AnthropicServer)
    second: OpenAIServer = field(default_factory=OpenAIServer)
    _forking: Queue[Forking] = field(default_factory=Queue)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        for server in (self.claude, self.second):
            self._stack.enter_context(server)
            server.script(then=answer)
        for secret, message in REFUSED.items():
            self.claude.script(then=Fail("authentication", message=message), token=secret)
        for _ in range(AT_ONCE):
            self._forking.put(self._stack.enter_context(Forking()))
        self.kubeconfig = self._stack.enter_context(demo())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, place: Place, row: Row, program: Path = ROW) -> Told:
        """Runs all cells of a row. Raises AssertionError if its process fails."""
        command, environ = self._on_host(row) if place == "host" else self._in_container(row)
        with home_of(row, self.kubeconfig) as home:
            command = [word.replace(HOME, str(home)) for word in command]
            environ = {name: text.replace(HOME, str(home)) for name, text in environ.items()}
            if place == "host" and program == ROW and not row.is_read_only:
                code, printed = self._fork(environ, home.parent)
            else:
                code, printed = _run(command, program, environ, home.parent)
        assert code == 0, f"{place} {row}: exit code {code}\n{printed[-4000:]}"
        return Told(cells=json.loads(printed.splitlines()[-1]), printed=printed, command=command)

    def asked(self, server: WireServer, place: Place, row: Row, cell: str) -> list[Recorded]:
        """The requests of one cell that a server got."""
        return [request for request in list(server.requests) if f"/{place}/{row}/{cell}/" in request.path]

    def _fork(self, environ: Mapping[str, str], cwd: Path) -> tuple[int, str]:
        forking = self._forking.get()
        try:
            return forking.run(environ, cwd)
        finally:
            self._forking.put(forking)

    def _on_host(self, row: Row) -> tuple[list[str], dict[str, str]]:
        environ = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": HOME,
            "TMPDIR": f"{HOME}-tmp",
            "PYTHONPATH": str(ROOT),
        }
        words = AS_ANYBODY if row.is_read_only and os.getuid() == 0 else ()
        return [*words, sys.executable, "-"], {**environ, **self._variables("host", row)}

    def _in_container(self, row: Row) -> tuple[list[str], dict[str, str]]:
        assert self.engine is not None
        variables = self._variables("container", row)
        names = [word for name in variables for word in ("-e", name)]
        volume = f"{HOME}:{HOME_INSIDE}:{'ro' if row.is_read_only else 'rw'}"
        run = ["run", "--rm", "-i", "--network", "host", *self.engine.arguments, *names, "--volume", volume]
        command = [*self.engine.words, *run, self.engine.image, "python", "-"]
        return command, {**self.engine.environ, **variables}

    def _variables(self, place: Place, row: Row) -> dict[str, str]:
        plan = {
            "modes": [asdict(mode) for mode in MODES],
            "ways": WAYS,
            "namespace": NAMESPACE,
            "claude": f"{self.claude.base_url}/{place}/{row}",
            "second": f"{self.second.base_url}/{place}/{row}",
            "state": None if row.is_read_only else row.state,
            "backup": row.backup,
        }
        override = {"KX_MATRIX_OVERRIDE": row.override} if row.override else {}
        said = {"KX_MATRIX_ROW": json.dumps(plan), "KX_MATRIX_SECOND": SECOND_KEY}
        return {**NOWHERE, **row.variables, **override, **said}


# root may write where the mode of a folder forbids it, unless this right is taken away
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all", "--")


def _run(command: Sequence[str], program: Path, environ: Mapping[str, str], cwd: Path) -> tuple[int, str]:
    """The exit code of a program in a process of its own, and what it printed, its result last."""
    ended = subprocess.run(
        command,
        input=program.read_text(),
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return ended.returncode, ended.stderr + ended.stdout


def answer(recorded: Recorded) -> Sequence[Step]:
    """What every model says, in the form that is asked for."""
    ends = [name for name in recorded.heard.tools if name.endswith("submit_answer")]
    claim = {"title": CAUSE, "summary": "It says so.", "confidence": 0.9, "evidence": []}
    final = {"root_cause": CAUSE, "hypotheses": [claim], "remedies": []}
    return [Call(ends[0], final)] if ends else [Say(CAUSE)]


@contextmanager
def demo() -> Iterator[str]:
    """The demo cluster, served by a thread of its own; gives its kubeconfig."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(start_demo([SCENARIO]), loop).result(60)
    try:
        yield running.kubeconfig_text
    finally:
        asyncio.run_coroutine_threadsafe(running.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def home_of(row: Row, kubeconfig: str) -> Iterator[Path]:
    """A home as the row has it, in a folder of its own. Anybody may write it: in a container it is another user's."""
    folder = Path(tempfile.mkdtemp(prefix="kx-", dir="/tmp"))  # short: a socket's path has 107 characters
    home = folder / "home"
    try:
        for name, text in files_of(row, kubeconfig).items():
            path = home / name
            (path if text is None else path.parent).mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text)
        home.with_name("home-tmp").mkdir()
        permit(home, 0o555 if row.is_read_only else 0o777)
        yield home
    finally:
        permit(home, 0o777)
        shutil.rmtree(folder, ignore_errors=os.getuid() != 0)  # what another user's container made may stay


def files_of(row: Row, kubeconfig: str) -> dict[str, str | None]:
    """All files of the home; None for an empty folder."""
    state = json.dumps({"owner": "mine"}) if row.state is None else row.state
    files: dict[str, str | None] = {".kube/config": kubeconfig, ".claude.json": state}
    if row.login:
        login = {
            "accessToken": row.login,
            "refreshToken": "none",
            "expiresAt": PAST_MS if row.is_past else FUTURE_MS,
            "scopes": ["user:inference"],
        }
        files[f"{row.folder}/.credentials.json"] = json.dumps({"claudeAiOauth": login})
    return {**files, **row.files}


def permit(home: Path, mode: int) -> None:
    """Gives all that is below a folder that mode, files without the right to be run."""
    for path in (home, *home.rglob("*")):
        kind = path.lstat().st_mode
        with suppress(PermissionError):  # another user's
            if stat.S_ISDIR(kind) or stat.S_ISREG(kind):
                path.chmod(mode if stat.S_ISDIR(kind) else mode & 0o666)
