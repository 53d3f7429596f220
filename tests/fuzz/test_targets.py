"""Every fuzz target, a few seconds each: whatever is read is a value or an error of ours, in linear time.

`python -m tests.fuzz.run TARGET --seconds N --corpus FOLDER` goes on for as long as one likes; what it finds becomes a
test of the reader at fault.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, FuzzTarget

ROOT = Path(__file__).parents[2]
RUNS, SECONDS = 400, 20  # of each target under atheris; the seed is fixed, so that all find the same
HAS_ATHERIS = importlib.util.find_spec("atheris") is not None
SIZES = (4_000, 16_000)
GROWTH = 9  # of the time, where the text is four times as long: a square would be 16
NOTICEABLE_S = 0.15
ATTEMPTS = 4  # one will do: a busy machine makes some longer

names = pytest.mark.parametrize("name", sorted(TARGETS))


def pieces_of(target: FuzzTarget) -> st.SearchStrategy[bytes]:
    """Words that mean something to a target, parts of its seeds, and any bytes."""
    words = st.sampled_from([word.encode("utf-8", "surrogateescape") for word in target.words])
    seeds = st.sampled_from(target.seeds)
    parts = st.builds(
        lambda seed, at, size: seed[at % (len(seed) + 1) :][:size],
        seeds,
        st.integers(min_value=0, max_value=2_000),
        st.integers(min_value=0, max_value=400),
    )
    return st.one_of(words, parts, seeds, st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace")))


@names
def test_whatever_comes_is_a_value_or_an_error_of_ours(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(pieces_of(target), max_size=12).map(b"".join))
    def fuzz(data: bytes) -> None:
        target.reads(data[: target.max_bytes])

    fuzz()


@names
def test_the_time_is_linear_in_the_length(name: str) -> None:
    """What a target knows, said over and over, four times as long takes about four times as long."""
    target = TARGETS[name]
    units = [
        *target.seeds,
        *(word.encode("utf-8", "surrogateescape") for word in target.words),
        b"a",
        b" ",
        b"(",
        b"1:2",
    ]
    for unit in units:
        attempts = (_growth(target, unit) for _ in range(ATTEMPTS))
        assert any(growth < GROWTH for growth in attempts), unit[:40]


def _growth(target: FuzzTarget, unit: bytes) -> float:
    """How many times as long the longer text takes; 0 where nobody notices."""
    short, long = (_seconds(target, (unit * (size // len(unit) + 1))[:size]) for size in SIZES)
    return long / short if long > NOTICEABLE_S else 0.0


def _seconds(target: FuzzTarget, data: bytes) -> float:
    start = time.process_time()
    target.reads(data)
    return time.process_time() - start


@pytest.mark.skipif(not HAS_ATHERIS, reason="atheris has no wheel for this platform")
def test_what_reaches_further_code_is_read_too(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "tests.fuzz.run",
        "--seed=1",
        f"--runs={RUNS}",
        f"--seconds={SECONDS}",
        f"--corpus={tmp_path}",
    ]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        words, cwd=ROOT, env=environ, capture_output=True, text=True, errors="replace", timeout=280, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6_000:]}"
    ends = [line for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units:")]
    assert len(ends) == len(TARGETS)
    assert all(int(line.split()[1]) > 10 for line in ends), ends
