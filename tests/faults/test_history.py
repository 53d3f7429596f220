"""When the history cannot be kept: the file or its disk is at fault, and no diagnosis is lost for it."""

from __future__ import annotations

import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

import kubeagentix as kx
from tests.faults.apart import family
from tests.faults.asking import REASON, pictured
from tests.faults.table import Section

BOUND_S = 30
FILE = "history.db"


def limited() -> None:
    """As on a disk that is full: no file may grow beyond a few bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@contextmanager
def full(_: Path) -> Iterator[Callable[[], None] | None]:
    yield limited


@contextmanager
def no_folder(state: Path) -> Iterator[Callable[[], None] | None]:
    (state / "kubeagentix").write_text("a file where the folder should be")
    yield None


@contextmanager
def damaged(state: Path) -> Iterator[Callable[[], None] | None]:
    path = state / "kubeagentix" / FILE
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(b"this was a database once\n" * 400)
    yield None


@contextmanager
def held(state: Path) -> Iterator[Callable[[], None] | None]:
    path = state / "kubeagentix" / FILE
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield None


@pytest.mark.parametrize(
    ("fault", "arm"),
    [
        ("the disk is full", full),
        ("a file stands where its folder should be", no_folder),
        ("its file is damaged", damaged),
        ("another program holds its file and does not let go", held),
    ],
)
def test_a_diagnosis_is_told_whatever_becomes_of_the_history(
    fault: str,
    arm: Callable[[Path], AbstractContextManager[Callable[[], None] | None]],
    table: Section,
    temporary: Path,
    tmp_path: Path,
) -> None:
    kx.save(pictured(), tmp_path / "incident.json.gz")
    state = tmp_path / "state"
    state.mkdir()
    words = ("-m", "kubeagentix", "dx", "--snapshot", str(tmp_path / "incident.json.gz"), "--format", "json")
    with arm(state) as hinder:
        began = time.monotonic()
        process = subprocess.Popen(
            (sys.executable, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_STATE_HOME": str(state)},
            start_new_session=True,
            preexec_fn=hinder,  # noqa: PLW1509  it sets one limit, and the program begins
        )
        out, err = process.communicate(timeout=BOUND_S)
        assert time.monotonic() - began < BOUND_S
    assert process.returncode == 0
    assert any(item["reason"] == REASON for item in json.loads(out)["findings"])
    assert family(process.pid) == []
    assert list(temporary.iterdir()) == []
    (seen,) = err.splitlines()
    seen = re.sub(r"damaged-\w+", "damaged-TIME", seen)
    table.row(fault, "dx", seen, ended="exit code 0", result="whole", bound=f"≤ {BOUND_S} s")
