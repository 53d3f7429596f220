"""What `import kubeagentix` adds to an interpreter, and `%load_ext` to a shell: whole processes, medians of each."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance(); "
STATEMENTS = {
    "empty": "pass",
    "import": "import kubeagentix",
    "shell": SHELL,
    "load_ext": SHELL + "shell.run_line_magic('load_ext', 'kubeagentix')",
}


def seconds(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    for statement in STATEMENTS.values():
        seconds(statement)
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(runs):
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    medians = {name: round(statistics.median(values) * 1000, 1) for name, values in times.items()}
    added = {
        "import_added_ms": round(medians["import"] - medians["empty"], 1),
        "load_ext_added_ms": round(medians["load_ext"] - medians["shell"], 1),
    }
    print(json.dumps({"runs": runs, **{f"{name}_ms": value for name, value in medians.items()}, **added}))


if __name__ == "__main__":
    main()
