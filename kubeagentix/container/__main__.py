"""`python -m kubeagentix.container -- COMMAND…`: prepares the kubeconfig and the bridges, then runs COMMAND."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import yaml

from kubeagentix.container.bridges import Bridges
from kubeagentix.container.gateways import VARIABLE, find_gateway
from kubeagentix.container.kubeconfigs import Merged, read_kubeconfigs
from kubeagentix.container.listening import reserved_ports
from kubeagentix.container.notes import Note, problem, tell
from kubeagentix.container.places import KUBECONFIG_FILE, Homes, private_folder, sources
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
    try:
        kubeconfig, bridges = prepare(os.environ, command)
    except OSError as error:
        tell(problem(f"the kubeconfig cannot be kept in a private folder: {error.strerror}", "make /tmp writable"))
        return forwarding.run(command, os.environ)
    try:
        return forwarding.run(command, {**os.environ, "KUBECONFIG": kubeconfig})
    finally:
        bridges.close()


def prepare(environ: Mapping[str, str], command: Sequence[str]) -> tuple[str, Bridges]:
    """Writes the private kubeconfig and opens the bridges; its path, and these. Raises OSError."""
    homes = Homes.of(environ)
    folder = private_folder(environ)
    merged = read_kubeconfigs(sources(environ, homes), homes)
    state = State(folder, folder / KUBECONFIG_FILE, files=merged.files)

    def note(said: Note) -> None:
        state.notes.append(said)
        tell(said)

    for said in (*merged.notes, *missing_plugins(merged)):
        note(said)
    bridges = Bridges(merged, find_gateway(environ), note, state.write)
    try:
        if _is_bridging(environ):
            state.bridges = bridges
            bridges.open(reserved_ports(command))
        _write_kubeconfig(state, merged)
        state.write()
        bridges.watch()
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
