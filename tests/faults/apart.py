"""Surfaces in a process of their own, so that its memory and what it leaves behind can be told from ours.

python -m tests.faults.apart KUBECONFIG POD FOLDER KUBECTL SURFACE…    prints what each of them said, as JSON
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.memory import peak_mb
from tests.faults.surfaces import SURFACES, Told
from tests.faults.world import Place

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str
    elapsed_s: float


def run_apart(words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Ended:
    """Runs Python with these words in a session of its own; raises AssertionError where that outlives it."""
    began = time.monotonic()
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        process = subprocess.Popen(
            (sys.executable, *words), stdout=out, stderr=err, cwd=ROOT, env=dict(environ), start_new_session=True
        )
        process.wait()
        elapsed_s = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        ended = Ended(
            code=process.returncode,
            out=out.read(),
            err=err.read(),
            elapsed_s=elapsed_s,
        )
    for name in ("out", "err"):
        (folder / name).unlink()
    assert family(process.pid) == [], "processes that outlive it"
    return ended


def family(session: int) -> list[str]:
    """The command lines of the processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended meanwhile
            continue
    return found


def surfaces_apart(place: Place, names: Sequence[str], folder: Path) -> tuple[dict[str, Told], Ended, float]:
    """What these surfaces say, one after the other in one fresh process, how that ended, and the most memory in MB."""
    words = ("-m", "tests.faults.apart", str(place.kubeconfig), place.pod, str(folder), place.kubectl, *names)
    ended = run_apart(words, folder, os.environ)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    return {name: Told(**told) for name, told in said["told"].items()}, ended, said["peak_mb"]


def main(kubeconfig: str, pod: str, folder: str, kubectl: str, *names: str) -> None:
    place = Place(Path(kubeconfig), pod, kubectl=kubectl)
    told = {name: asdict(SURFACES[name](place, Path(folder))) for name in names}
    sys.stdout.write(json.dumps({"told": told, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
