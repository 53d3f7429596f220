"""How long reading one container's log takes: ordinary ones, long ones, and ones that are made to cost."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping

from kubeagentix.analysis.logs import read_failure

TEXT = "GET error failed to connect host db:5432 not found password http://a.b/c?d=e /var/lib/x.json timeout key=v "
LOGS: Mapping[str, list[str]] = {
    "2,000 ordinary lines": [f"10:00:{n % 60:02d} INFO request {n} handled in {n % 90} ms" for n in range(2000)],
    "2,000 errors": [f"ERROR failed to connect to db:5432: Connection refused {n}" for n in range(2000)],
    "200 lines of 320 characters": [(TEXT[n % 50 :] + TEXT * 4)[:320] for n in range(200)],
    "200 lines of 4,000 characters": [(TEXT[n % 50 :] + TEXT * 40)[:4000] for n in range(200)],
    "one line of 1 MB": ["ERROR " + TEXT * 9000],
    **{
        f"200 lines of {unit!r}": [f"ERROR {unit * 4000}"[:4000] + f" refused {n}" for n in range(200)]
        for unit in (" ", "a:", "[(", "1", "a.", '{"a":', "0-", "//a@")
    },
}


def milliseconds(lines: list[str], runs: int) -> float:
    times = []
    for run in range(runs):
        log = [*lines, f"run {run}"]  # what was read once is kept
        began = time.process_time()
        read_failure(log)
        times.append((time.process_time() - began) * 1000)
    return round(statistics.median(times), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(json.dumps({name: milliseconds(lines, runs) for name, lines in LOGS.items()}, indent=1))


if __name__ == "__main__":
    main()
