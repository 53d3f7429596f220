"""`python -m kubeagentix.container -- COMMAND…`: prepares the kubeconfig and the bridges, then runs COMMAND."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from kubeagentix.container import changes, schemes
from kubeagentix.container.bridges import Bridges
from kubeagentix.container.gateways import VARIABLE, find_gateway
from kubeagentix.container.kubeconfigs import Merged, read_kubeconfigs
from kubeagentix.container.listening import reserved_ports
from kubeagentix.container.notes import Note, problem, tell
from kubeagentix.container.places import (
    GIVEN_FILE,
    KUBECONFIG_FILE,
    STATE_FILE,
    Homes,
    own_kubeconfig,
    private_folder,
    sources,
)
from kubeagentix.container.plugins import missing_plugins
from kubeagentix.container.running import Forwarding
from kubeagentix.container.state import State, write_private

SWITCH = "KUBEAGENTIX_PROXY_LOCALHOST_KUBECONFIG"
_OFF, _ON = ("false", "0", "no", "off"), ("", "true", "1", "yes", "on")


def main(arguments: Sequence[str]) -> int:
    """Runs the command of the arguments; its exit code."""
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if not command or command[0].startswith("-"):
        tell(problem("no command was given", "python -m kubeagentix.container -- COMMAND…"))
        return 2
    forwarding = Forwarding()
    with ExitStack() as until_the_end:
        try:
            environ = {**os.environ, "KUBECONFIG": _kubeconfig(command, until_the_end)}
        except OSError as error:
            tell(problem(f"the kubeconfig cannot be kept in a private folder: {error.strerror}", "make /tmp writable"))
            environ = dict(os.environ)
        return forwarding.run(command, environ)


def _kubeconfig(command: Sequence[str], until_the_end: ExitStack) -> str:
    """The path of the private kubeconfig; its bridges end with the block. Raises OSError."""
    folder, is_prepared = until_the_end.enter_context(folder_for(os.environ))
    if is_prepared:
        return str(folder / KUBECONFIG_FILE)
    kubeconfig, bridges = prepare(os.environ, command, folder)
    until_the_end.callback(bridges.close)
    return kubeconfig


@contextmanager
def folder_for(environ: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """The private folder, and whether a start that still goes on has prepared it, as seen by `docker exec`.

    Beside such a one, somebody with a kubeconfig of their own gets a folder that goes with them.
    """
    folder = private_folder(environ)
    if not _is_in_use(folder):
        yield folder, False
    elif not own_kubeconfig(environ):
        yield folder, True
    else:
        with tempfile.TemporaryDirectory(prefix="kubeagentix-") as own:
            yield Path(own), False


def _is_in_use(folder: Path) -> bool:
    """Whether the start that has prepared it still goes on: its bridges are there, and others use its kubeconfig."""
    try:
        pid = int(json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))["pid"])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return pid != os.getpid() and b"kubeagentix.container" in words


def prepare(environ: Mapping[str, str], command: Sequence[str], folder: Path) -> tuple[str, Bridges]:
    """Writes the private kubeconfig and opens the bridges; its path, and these. Raises OSError."""
    homes = Homes.of(environ)
    found = sources(environ, homes)
    merged = read_kubeconfigs(found, homes)
    state = State(folder, folder / KUBECONFIG_FILE, files=merged.files)

    def note(said: Note) -> None:
        state.notes.append(said)
        tell(said)

    for said in (*merged.notes, *schemes.complete(merged), *missing_plugins(merged)):
        note(said)
    bridges = Bridges(merged, find_gateway(environ), note, state.write)
    try:
        if _is_bridging(environ):
            state.bridges = bridges
            bridges.open(reserved_ports(command))
        write_private(folder / GIVEN_FILE, environ.get("KUBECONFIG", ""))
        _write_kubeconfig(state, merged)
        state.write()
        bridges.watch()
        changes.watch([source.path for source in found], bridges.tell_and_note)
    except BaseException:  # a signal, too, leaves none behind
        bridges.close()
        raise
    return str(state.kubeconfig), bridges


def _write_kubeconfig(state: State, merged: Merged) -> None:
    if merged.files:
        write_private(state.kubeconfig, yaml.safe_dump(merged.document(), sort_keys=False, allow_unicode=True))
    else:  # with none, a pod's service account is found, and what is said names what is missing
        state.kubeconfig.unlink(missing_ok=True)


def _is_bridging(environ: Mapping[str, str]) -> bool:
    given = environ.get(SWITCH, "").strip().lower()
    if given not in (*_OFF, *_ON):
        tell(problem(f"{SWITCH} is neither true nor false", "it is taken for true"))
    if environ.get(VARIABLE) and find_gateway(environ) is None:
        tell(problem(f"{VARIABLE} names {environ[VARIABLE]}, which cannot be resolved", "correct it"))
    return given not in _OFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
