"""Kernels and servers that were started with other variables than this process has, and so still go by them.

A process keeps the environment it was started with: who exports a new token, or unsets a stale key, in a terminal
changes nothing for a Jupyter server that runs, and for the kernels that it starts. Only names are told, never values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.places import is_made
from kubeagentix.doctor.variables import SWITCHES, credentials
from kubeagentix.settings import PREFIX
from kubeagentix.wire.readiness import TRANSPORT

FEW = 8  # processes that are told one by one
_DEMO = "/kubeagentix-demo-"  # in the path of a demo's kubeconfig
KERNEL, SERVER, OURS = "kernel", "Jupyter server", "kubeagentix"
_PROGRAMS = (  # the name of a program or module, and what it is
    (re.compile(r"ipykernel(_launcher)?"), KERNEL),
    (re.compile(r"jupyter([-_]?(lab|notebook|server|nbclassic))?|notebook|jupyterhub-singleuser"), SERVER),
    (re.compile(r"kubeagentix\.cli\.tether"), SERVER),
    (re.compile(r"kubeagentix"), OURS),
)
_PYTHON = re.compile(r"python[\d.]*(\.exe)?")
_DO = {
    KERNEL: "restart the kernel (Kernel, Restart); if that does not help, restart its server",
    SERVER: "end it and start it anew from this terminal: new kernels get what it has",
    OURS: "end it and start it anew from this terminal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One that may hold old variables. `kind` is what it is, `age_s` None where that is not known."""

    pid: int
    kind: str
    age_s: float | None
    environ: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Process {self.pid}: {self.kind}>"  # never its environment


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells of each whose variables differ from these."""
    if not (about.root / "proc/self/stat").exists():
        tell.absent("older processes", "not checked: this system has no /proc", "restart kernels after a change")
        return
    found = await about.in_thread(lambda: list(processes_in(about.root / "proc")))
    stale = [(process, seen) for process in found if (seen := difference(process.environ, about.environ))]
    for process, seen in stale[:FEW]:
        age = f", started {_ago(process.age_s)} ago" if process.age_s is not None else ""
        tell.warning(f"{process.kind}, pid {process.pid}{age}", seen, _DO[process.kind], code="stale")
    if len(stale) > FEW:
        tell.warning("older processes", f"{len(stale) - FEW} more hold other values", "restart them, too", code="stale")
    if not stale:
        count = f"{len(found)} kernels and servers of this user hold" if found else "no other kernel or server holds"
        tell.ok("older processes", f"{count} the same variables" if found else f"{count} other variables")


def watched() -> tuple[str, ...]:
    """The variables that are compared."""
    places = ("CLAUDE_CONFIG_DIR", "KUBECONFIG", "KUBECTL_BINARY", "ANTHROPIC_BASE_URL")
    return (*credentials(), *SWITCHES, *places, *TRANSPORT)


def difference(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """In which variables they differ, by name alone; empty if in none."""
    own = (name for name in (*theirs, *ours) if name.startswith(PREFIX))
    names = dict.fromkeys((*watched(), *own))
    differing = [name for name in names if theirs.get(name) != ours.get(name)]
    if "KUBECONFIG" in differing and _is_made_for_it(theirs.get("KUBECONFIG", "")):
        differing.remove("KUBECONFIG")
    parts = (
        ("another value there", [name for name in differing if name in theirs and name in ours]),
        ("set there, not here", [name for name in differing if name not in ours]),
        ("set here, not there", [name for name in differing if name not in theirs]),
    )
    return "; ".join(f"{what}: {', '.join(named)}" for what, named in parts if named)


def _is_made_for_it(kubeconfig: str) -> bool:
    """Whether a kubeconfig is one that `kubeagentix lab` or the image has made for that very process."""
    first = Path(kubeconfig.partition(os.pathsep)[0])
    return _DEMO in str(first) or is_made(first)


def processes_in(proc: Path) -> Iterator[Process]:
    """Kernels, Jupyter servers and programs of ours that belong to this user, but for this one and its children."""
    own, uid = os.getpid(), os.getuid()
    for folder in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            if folder.stat().st_uid != uid or int(folder.name) == own:
                continue
            kind = kind_of(_words(folder / "cmdline"))
            state = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if kind is None or int(state[1]) == own:
                continue
            environ = dict(word.partition("=")[::2] for word in _words(folder / "environ"))
        except (OSError, ValueError, IndexError):  # it has ended meanwhile, or is not ours to look at
            continue
        yield Process(pid=int(folder.name), kind=kind, age_s=_age_s(state, proc), environ=environ)


def kind_of(words: list[str]) -> str | None:
    """What a command line runs, if it is one of those: by the program, or the script or module that Python runs."""
    run = _run_by_python(words[1:]) if words and _PYTHON.fullmatch(Path(words[0]).name) else "".join(words[:1])
    name = Path(run).name.removesuffix(".py").removesuffix(".exe")
    return next((kind for pattern, kind in _PROGRAMS if pattern.fullmatch(name)), None)


def _run_by_python(words: list[str]) -> str:
    """The script, or the module after `-m`, in the arguments of Python."""
    rest = iter(words)
    for word in rest:
        if word == "-m":
            return next(rest, "")
        if word == "-c":
            return ""
        if word in ("-X", "-W"):  # they have a value of their own
            next(rest, "")
        elif not word.startswith("-"):
            return word
    return ""


def _words(file: Path) -> list[str]:
    return [word for word in file.read_bytes().decode(errors="surrogateescape").split("\0") if word]


def _age_s(state: list[str], proc: Path) -> float | None:
    # Field 22 of /proc/PID/stat, in clock ticks since the machine started; `state` begins with the third field.
    try:
        up_s = float((proc / "uptime").read_text().split()[0])
        return max(0.0, up_s - int(state[19]) / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return None


def _ago(age_s: float) -> str:
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age_s >= 2 * seconds or (age_s >= seconds and unit != "min"):
            return f"{age_s / seconds:.0f} {unit}"
    return f"{age_s:.0f} s"


check = Check(name="Other processes", run=run)
