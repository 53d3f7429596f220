"""What is particular to a container: who one is in it, what is mounted, and how the host is reached.

`bridges.json` beside the private kubeconfig is what the image's start has written of the bridges to the host.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.places import home_of, is_container

HOSTS = ("host.docker.internal", "host.containers.internal")  # of Docker, of podman
MOUNTS = (".kube", ".claude", ".claude.json")
_WHY_EMPTY = "Docker makes one where nothing is at that place on the host; it counts as not there"


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells nothing outside of a container."""
    if not is_container(about.root, about.environ):
        return
    home = home_of(about.environ)
    await about.in_thread(lambda: _tell_ids(home, tell))
    if home is not None:
        await about.in_thread(lambda: _tell_mounts(home, tell))
    await about.in_thread(lambda: _tell_bridges(about.environ, tell))
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
        except PermissionError:
            state = path.stat()
            seen = f"cannot be read: it belongs to {state.st_uid}:{state.st_gid}, this is {os.getuid()}:{os.getgid()}"
            tell.warning(str(path), seen, "set KUBEAGENTIX_UID and KUBEAGENTIX_GID to its owner's", code="unreadable")
            continue
        if is_empty_folder and (name != ".claude" or path.is_mount()):
            tell.absent(str(path), "is an empty folder", _WHY_EMPTY, code="empty_mount")


def _tell_bridges(environ: Mapping[str, str], tell: Tell) -> None:
    first = environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
    file = Path(first).parent / "bridges.json"
    if not first or not file.exists():
        return
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        bridges = document["bridges"] if isinstance(document, dict) else document
        entries = [entry for entry in bridges if isinstance(entry, dict)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        tell.warning(str(file), "cannot be read", "start the container anew", code="bridges")
        return
    for entry in entries:
        _tell_bridge(entry, tell)


def _tell_bridge(entry: Mapping[str, Any], tell: Tell) -> None:
    listens, leads = str(entry.get("listens") or entry.get("endpoint") or "?"), str(entry.get("target") or "the host")
    said = str(entry.get("state") or "")
    if entry.get("is_answering", said in ("", "ok", "answers", "up")):
        tell.ok(f"bridge {listens}", f"leads to {leads}")
    else:
        do = str(entry.get("do") or "where the cluster listens on the host's 127.0.0.1 only, add -f compose.host.yaml")
        tell.failed(f"bridge {listens}", f"leads to {leads}, which does not answer", do, code="bridge")


def _tell_host(tell: Tell) -> None:
    found = {}
    for name in HOSTS:
        try:
            found[name] = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0]
        except (OSError, UnicodeError):
            continue
    if found:
        tell.ok("the host", ", ".join(f"{name} is {address}" for name, address in found.items()))
    else:
        do = "start it with --add-host host.docker.internal:host-gateway, as compose.yaml does; or with --network host"
        tell.absent("the host", f"{HOSTS[0]} does not resolve, so no cluster on it can be reached", do, code="host")


check = Check(name="Container", run=run)
