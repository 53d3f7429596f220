"""The real kubectl on the run's cluster, as the run's identity, with no more of the environment than it needs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.kubeconfig import IN_CLUSTER
from kubeagentix.errors import MissingExtraError, UnreachableError, excerpt
from kubeagentix.toolkit.processes import Ended, run_program

TIMEOUT_S = 25.0
MAX_BYTES = 4 << 20
# What a model's provider is asked with is none of kubectl's business.
WITHHELD = ("ANTHROPIC_", "CLAUDE_", "OPENAI_", "GEMINI_", "GOOGLE_API_KEY", "KUBEAGENTIX_")
# A kuberc file could give `get` another output than the one that was checked. Source: KEP-3104
_SWITCHES = {"KUBERC": "off", "KUBECTL_KUBERC": "false"}


async def run_kubectl(cluster: Cluster, environ: Mapping[str, str], verb: str, arguments: Sequence[str]) -> Ended:
    """How it ended. Raises MissingExtraError, and UnreachableError where it took too long."""
    ended = await run_program(
        (find_program(environ), *_access(cluster), *arguments),
        environ=_environment(environ),
        timeout_s=TIMEOUT_S,
        max_bytes=MAX_BYTES,
    )
    if ended.is_late:
        raise UnreachableError(f"kubectl {verb} did not end within {TIMEOUT_S:g} s", hint="ask for less")
    return ended


def find_program(environ: Mapping[str, str]) -> str:
    """kubectl: the one that KUBECTL_BINARY names, on PATH, or beside this Python. Raises MissingExtraError."""
    named = environ.get("KUBECTL_BINARY", "")
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join(filter(None, (environ.get("PATH", ""), beside)))
    found = shutil.which(named or "kubectl", path=path)
    if found is None:
        what = f"KUBECTL_BINARY names {excerpt(named, 80)}, which is not there" if named else "kubectl is not installed"
        raise MissingExtraError(what, hint="the other tools need no kubectl")
    return found


def _access(cluster: Cluster) -> tuple[str, ...]:
    if cluster.kubeconfig is None and cluster.context == IN_CLUSTER:
        return ()
    named = (f"--kubeconfig={cluster.kubeconfig}",) if cluster.kubeconfig is not None else ()
    return (*named, f"--context={cluster.context}")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {**{key: value for key, value in environ.items() if not key.startswith(WITHHELD)}, **_SWITCHES}
