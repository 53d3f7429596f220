"""Quick Dx of a whole synthetic cluster against the floor: the same lists, fetched and decoded, and nothing else.

Each part runs in a fresh process, round by round, against one server in a process of its own:

floor     the lists that Quick Dx reads, page by page over urllib3, decoded into this package's projections
quickdx   `kx.diagnose(all_namespaces=True)`: discovery, lists, logs, analysis, answer
typed     the same lists through the official client's typed models
kubectl   `kubectl get -A -o json` of the same kinds

Seconds are without the start of the interpreter and its imports (`quickdx_start_s`), but for kubectl's. `ratio` is the
median over the rounds of quickdx / floor, `cpu_ratio` the same of the processor's time, which busy cores change less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.scanning.measuring import run_part
from benchmarks.synthetic import PODS, Planted, Served, served
from kubeagentix.domain.resources import KINDS

Round = dict[str, dict[str, Any]]


def kubectl(kubeconfig: Path) -> dict[str, Any] | None:
    """Seconds of `kubectl get -A -o json`; None where there is no kubectl."""
    program = Path(sys.executable).parent / "kubectl"
    if not program.exists():
        return None
    names = [f"{kind.plural}.{kind.group}".rstrip(".") for kind in KINDS.values() if not kind.is_optional]
    command = [str(program), f"--kubeconfig={kubeconfig}", "get", "-A", "-o", "json", ",".join(names)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "HOME": str(kubeconfig.parent)})
    return {"seconds": time.perf_counter() - began}


def measure(cluster: Served, options: argparse.Namespace) -> list[Round]:
    """All parts, round by round; the slow peers in the first `--peer-rounds` only."""
    rounds = []
    for number in range(options.rounds):
        this: Round = {name: run_part(name, cluster.kubeconfig) for name in ("floor", "quickdx")}
        if number < options.peer_rounds and not options.no_typed:
            this["typed"] = run_part("typed", cluster.kubeconfig)
        if number < options.peer_rounds and not options.no_kubectl:
            said = kubectl(cluster.kubeconfig)
            this |= {"kubectl": said} if said is not None else {}
        rounds.append(this)
    return rounds


def summary(pods: int, cluster: Served, rounds: list[Round]) -> dict[str, Any]:
    """The figures, medians of the rounds; of memory the most, of what was found the least."""
    quickdx = [this["quickdx"] for this in rounds]
    found = [{Planted(*item) for item in said["told"]} for said in quickdx]
    planted = set(cluster.planted)
    return {
        "pods": pods,
        "floor_s": _median(rounds, "floor"),
        "quickdx_s": _median(rounds, "quickdx"),
        "ratio": _ratio(rounds, "seconds"),
        "cpu_ratio": _ratio(rounds, "cpu_s"),
        "typed_models_s": _median(rounds, "typed"),
        "kubectl_s": _median(rounds, "kubectl"),
        "peak_rss_bytes": max(said["peak_bytes"] for said in quickdx),
        "raw_bytes": rounds[0]["floor"]["raw_bytes"],
        "broken_planted": len(planted),
        "broken_found": min(len(planted & told) for told in found),
        "not_planted": max(len(told - planted) for told in found),
        "missed": sorted({item.reason for told in found for item in planted - told}),
        "gaps": quickdx[-1]["gaps"],
        "quickdx_start_s": _median(rounds, "quickdx", "start_s"),
        "timings": quickdx[-1]["timings"],
        "floor_cpu_s": _median(rounds, "floor", "cpu_s"),
        "quickdx_cpu_s": _median(rounds, "quickdx", "cpu_s"),
        "floor_peak_rss_bytes": max(this["floor"]["peak_bytes"] for this in rounds),
        "typed_peak_rss_bytes": max((this["typed"]["peak_bytes"] for this in rounds if "typed" in this), default=None),
        "typed_refused": next((this["typed"]["refused"] for this in rounds if "typed" in this), []),
        "spread_s": {part: _values(rounds, part, "seconds") for part in ("floor", "quickdx", "typed", "kubectl")},
    }


def _values(rounds: list[Round], part: str, what: str) -> list[float]:
    return sorted(round(this[part][what], 3) for this in rounds if part in this)


def _median(rounds: list[Round], part: str, what: str = "seconds") -> float | None:
    found = _values(rounds, part, what)
    return round(statistics.median(found), 3) if found else None


def _ratio(rounds: list[Round], what: str) -> float:
    return round(statistics.median(this["quickdx"][what] / this["floor"][what] for this in rounds), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-rounds", type=int, default=1, help="rounds with the typed models and kubectl")
    parser.add_argument("--no-typed", action="store_true", help="without the official client's typed models")
    parser.add_argument("--no-kubectl", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one object, on one line")
    options = parser.parse_args()
    with served(options.pods, seed=options.seed) as cluster:
        told = summary(options.pods, cluster, measure(cluster, options))
    print(json.dumps(told) if options.json else "\n".join(f"{name:22} {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()
