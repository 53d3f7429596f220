"""What is particular to a container: who one is in it, what is mounted, and how the host is reached.

`bridges.json` beside the private kubeconfig is what the image's start has written of the bridges to the host.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubeagentix.container import gateways
from kubeagentix.container.endpoints import addresses_of
from kubeagentix.container.notes import KUBECONFIG
from kubeagentix.container.places import STATE_FILE, usual_folder
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.kubeconfigs import contexts_of
from kubeagentix.doctor.places import home_of, is_container
from kubeagentix.errors import KubeconfigError

MOUNTS = (".kube", ".claude")  # of .claude.json another check tells
_NO_ANSWER = "where the cluster listens on the host's 127.0.0.1 only, add -f compose.host.yaml"
_MET = {
    "untrusted": "something answers with a certificate that is not trusted",
    "other": "something else answers",
    "closed": "connections are closed without an answer",
    "nothing": "no cluster answers",
}
_WHY_EMPTY = "Docker makes one where nothing is at that place on the host; it counts as not there"


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells nothing outside of a container."""
    if not is_container(about.root, about.environ):
        return
    home = home_of(about.environ)
    await about.in_thread(lambda: _tell_ids(home, tell))
    if home is not None:
        await about.in_thread(lambda: _tell_mounts(home, tell))
    current = await _current_context(about)
    await about.in_thread(lambda: _tell_bridges(about, current, tell))
    await about.in_thread(lambda: _tell_host(tell))


def _tell_ids(home: Path | None, tell: Tell) -> None:
    who = f"user {os.getuid()}, group {os.getgid()}"
    if home is None:
        tell.warning(
            who, "no HOME is set, and this user has no entry in passwd", "set HOME to a folder that is writable"
        )
    elif not home.is_dir():
        tell.failed(who, f"the home {home} does not exist", "set HOME to a folder that is writable", code="home")
    elif not os.access(home, os.W_OK):
        do = "give the container a home that this user may write (--tmpfs, a volume), or start it as its own user"
        tell.warning(who, f"the home {home} cannot be written", do, code="home")
    else:
        tell.ok(who, f"the home {home} is writable")


def _tell_mounts(home: Path, tell: Tell) -> None:
    for name in MOUNTS:
        path = home / name
        try:
            is_empty_folder = path.is_dir() and not any(path.iterdir())
        except PermissionError:  # which the checks of what is in it tell
            continue
        if is_empty_folder and (name != ".claude" or path.is_mount()):
            tell.absent(f"~/{name}", "is an empty folder", _WHY_EMPTY, code="empty_mount")


async def _current_context(about: Surroundings) -> str:
    try:
        return (await contexts_of(about)).current
    except KubeconfigError:
        return ""


def _tell_bridges(about: Surroundings, current: str, tell: Tell) -> None:
    file = _state_file(about.environ)
    if file is None:
        return
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        bridges = [entry for entry in document["bridges"] if isinstance(entry, dict)]
        notes = [note for note in document["notes"] if note["is_problem"]]
        has_none = not document.get("files")  # then the kubeconfig's own check tells why
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        tell.warning(str(file), "cannot be read", "start the container anew", code="bridges")
        return
    for note in notes:
        if has_none and note.get("about") == KUBECONFIG:
            continue
        if not any(_is_about(note, entry) for entry in bridges):
            tell.warning("as it started", str(note.get("text")), str(note.get("hint") or ""), code="start")
    for entry in bridges:
        hints = [str(note.get("hint") or "") for note in notes if _is_about(note, entry)]
        contexts = entry.get("contexts")
        is_needed = about.all_contexts or not isinstance(contexts, list) or current in contexts
        _tell_bridge(entry, (hints or [""])[-1] or _NO_ANSWER, tell, tell.failed if is_needed else tell.warning)


def _is_about(note: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    return f"{entry.get('endpoint')} (" in str(note.get("text"))


def _state_file(environ: Mapping[str, str]) -> Path | None:
    """What the image's start has written, beside the kubeconfig that it has made."""
    named = [Path(part).parent for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return next((file for folder in (*named, usual_folder(environ)) if (file := folder / STATE_FILE).exists()), None)


def _tell_bridge(entry: Mapping[str, Any], do: str, tell: Tell, dead: Callable[..., None]) -> None:
    endpoint, answer, why = (str(entry.get(name) or "") for name in ("endpoint", "answer", "why"))
    leads = f"leads to {entry['leads_to']}" if entry.get("leads_to") else "is reached without a bridge"
    moved = f", and listens on {entry['listens']}" if entry.get("listens", endpoint) != endpoint else ""
    restarts = f", restarted {entry['restarts']} times" if entry.get("restarts") else ""
    what, seen = f"bridge {endpoint}", f"{leads}{moved}{restarts}"
    if answer == "cluster" or (answer == "other" and not why):  # without a reason: a proxy
        tell.ok(what, seen)
    elif not answer:
        tell.warning(what, f"{seen}; whether it answers is not known yet", "look again", code="bridge")
    else:
        dead(what, f"{seen}, where {_MET.get(answer, answer)}{': ' + why if why else ''}", do, code="bridge")


def _tell_host(tell: Tell) -> None:
    found = {name: addresses[0] for name in gateways.NAMES if (addresses := addresses_of(name))}
    if found:
        tell.ok("the host", ", ".join(f"{name} is {address}" for name, address in found.items()))
    else:
        do = "start it with --add-host host.docker.internal:host-gateway, as compose.yaml does; or with --network host"
        seen = f"{gateways.NAMES[0]} does not resolve, so no cluster on it can be reached"
        tell.absent("the host", seen, do, code="host")


check = Check(name="Container", run=run)
