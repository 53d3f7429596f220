"""The scan benchmark runs, on a small cluster, in processes of its own, and finds all that is planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCAN = Path(__file__).parents[2] / "benchmarks" / "scan.py"


def test_all_that_is_planted_is_found_over_the_network() -> None:
    command = [sys.executable, str(SCAN), "--pods", "300", "--rounds", "1", "--no-typed", "--no-kubectl", "--json"]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    assert told["pods"] == 300
    assert told["broken_found"] == told["broken_planted"] == 8
    assert (told["not_planted"], told["gaps"], told["typed_models_s"]) == (0, [], None)
    assert told["floor_s"] > 0
    assert told["quickdx_s"] > 0
    assert told["raw_bytes"] > 300 * 8_000
    assert told["peak_rss_bytes"] > told["raw_bytes"]
