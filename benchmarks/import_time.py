"""What starting costs: imports, in whole processes against an empty interpreter (or shell) of the same run, medians.

`import`, `--version`, `dx --help` and `%load_ext`: milliseconds of processor for the whole process, how many modules
are loaded, and the milliseconds that `-X importtime` counts. `dx --demo` on a terminal: the first word, and the end.
`--peer 'holmes version'`, as often as you like: the processor's time of other programs, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance(); "
COMMANDS = {
    "empty": ("-c", "pass"),
    "import": ("-c", "import kubeagentix"),
    "version": ("-m", "kubeagentix", "--version"),
    "dx_help": ("-m", "kubeagentix", "dx", "--help"),
    "shell": ("-c", SHELL),
    "load_ext": ("-c", SHELL + "shell.run_line_magic('load_ext', 'kubeagentix')"),
}
ADDED = {"import": "empty", "version": "empty", "dx_help": "empty", "load_ext": "shell"}
DEMO = ("-m", "kubeagentix", "dx", "--demo")
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as at a user's
_ROW = re.compile(r"^import time: +(\d+) \|", re.MULTILINE)


def processor_s(command: Sequence[str]) -> float:
    """Seconds of the processor, in the program and the kernel, of the whole process."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=COMPILED)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def imports(words: tuple[str, ...]) -> tuple[int, float]:
    """How many modules are imported, and the milliseconds that takes by `-X importtime`."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=COMPILED
    )
    told = done.stderr
    spent = [int(row) for row in _ROW.findall(told)]
    return len(spent), sum(spent) / 1000


def on_a_terminal(words: tuple[str, ...]) -> tuple[float, float]:
    """Seconds until the first word is shown, and until the end."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, *words], COMPILED)
    first, shown = 0.0, b""
    while True:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # Linux's way to say that the other side is closed
            data = b""
        if not data:
            break
        shown += data
        if not first and re.search(rb"[a-z]{3}", shown):
            first = time.perf_counter() - began
    os.close(terminal)
    os.waitpid(pid, 0)
    return first, time.perf_counter() - began


def measured(runs: int, peers: Sequence[str]) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Medians of our commands, and the milliseconds of the processor that each peer takes."""
    times: dict[str, list[float]] = {name: [] for name in (*COMMANDS, *peers)}
    spent: dict[str, list[float]] = {name: [] for name in COMMANDS}
    modules: dict[str, int] = {}
    for _ in range(runs):
        for name, words in COMMANDS.items():
            times[name].append(processor_s([sys.executable, *words]))
            modules[name], importing = imports(words)
            spent[name].append(importing)
        for peer in peers:
            times[peer].append(processor_s(shlex.split(peer)))
    medians = {name: round(statistics.median(taken) * 1000, 1) for name, taken in times.items()}
    ours = {
        name: {
            "processor_ms": medians[name],
            "importtime_ms": round(statistics.median(spent[name]), 1),
            "modules": modules[name],
        }
        for name in COMMANDS
    }
    return ours, {peer: medians[peer] for peer in peers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--peer", action="append", default=[], help="the command of another program")
    options = parser.parse_args()
    runs = options.runs
    for words in COMMANDS.values():
        imports(words)  # so that all is compiled
    found, peers = measured(runs, options.peer)
    added = {
        name: {figure: round(value - found[base][figure], 1) for figure, value in found[name].items()}
        for name, base in ADDED.items()
    }
    shown = [on_a_terminal(DEMO) for _ in range(max(3, runs // 3))]
    demo = {
        "first_output_s": round(statistics.median(first for first, _ in shown), 2),
        "end_s": round(statistics.median(end for _, end in shown), 2),
    }
    print(
        json.dumps({"runs": runs, "all": found, "added": added, "dx_demo": demo, "peers_processor_ms": peers}, indent=1)
    )


if __name__ == "__main__":
    main()
