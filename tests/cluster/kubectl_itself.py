"""The real kubectl, asked what it understands without doing anything, and run where every request is written down."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeagentix.cluster.kubectl_verbs import VERBS
from kubeagentix.demo.faults import FaultRule, Faults

KUBECTL = str(Path(sys.executable).parent / "kubectl")
_FLAG = re.compile(r"^    (?:-(?P<letter>\w), )?--(?P<name>[\w-]+)=(?P<default>.*):$", re.MULTILINE)


@dataclass(frozen=True)
class HelpFlag:
    """A flag as kubectl's help shows it."""

    letter: str
    kind: str


@dataclass
class Recorder(Faults):
    """Breaks nothing, and writes down each request that the demo server gets."""

    requests: list[str] = field(default_factory=list)

    def striking(self, method: str, url: str) -> FaultRule | None:
        self.requests.append(f"{method} {url}")
        return None


def ask(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs kubectl where it finds no cluster, no plugin and no setting."""
    environ = {"PATH": "/nowhere", "HOME": str(folder), "KUBECONFIG": "/dev/null", "KUBERC": "off"}
    return subprocess.run(
        [KUBECTL, *words],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def flags_of(folder: Path, *verb: str) -> dict[str, HelpFlag]:
    """The flags in the help of a verb."""
    shown = ask(folder, *verb, "--help" if verb else "options").stdout
    return {found["name"]: HelpFlag(found["letter"] or "", _kind(found["default"])) for found in _FLAG.finditer(shown)}


def _kind(default: str) -> str:
    if default in ("true", "false"):
        return "switch"
    return "list" if default == "[]" else "value"


def understood(folder: Path, words: Sequence[str]) -> str | None:
    """The verb whose help kubectl shows for a command line; None where it refuses to understand it."""
    asked = ask(folder, "--help=true", *words)
    usage = asked.stdout.rpartition("\nUsage:\n  kubectl ")[2]
    if asked.returncode or not usage:
        return None
    names = usage.split()
    for length in (3, 2, 1):
        if (name := " ".join(names[:length])) in VERBS:
            return VERBS[name].name
    return None
