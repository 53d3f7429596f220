"""Nothing that was acknowledged is lost when the process is killed, wherever it stands; what is left is whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from kubeagentix.history.opening import open_file
from kubeagentix.history.reading import Reader

ROOT = Path(__file__).parents[2]
LEAST_STOPS = {"runs": 150, "migrate": 40, "prune": 100}


def python(*words: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="traces system calls")
@pytest.mark.parametrize("scenario", LEAST_STOPS)
def test_killed_at_every_system_call_it_loses_nothing(scenario: str, tmp_path: Path) -> None:
    tracing = python("-m", "tests.history.killing", scenario, str(tmp_path))
    out, _ = tracing.communicate(timeout=240)
    assert tracing.returncode == 0
    counted = json.loads(out)
    assert counted["kills"] > LEAST_STOPS[scenario]
    assert counted["acknowledged"] > 0


PROGRAM = """
import asyncio, sys
from pathlib import Path
from kubeagentix.domain.events import RunFinished, TextDelta
from kubeagentix.engine.conversation import Conversation
from tests.history.runs import call, ran
path, number, conversation = Path(sys.argv[1]), 0, Conversation()
print("ready", flush=True)
while True:
    number += 1
    words = [TextDelta(text=f"{number} "), call(f"look {number}")]
    records = ran(path, words, [TextDelta(text="done")], question=f"question {number}", conversation=conversation)
    assert isinstance(records[-1].event, RunFinished)
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_time_a_program_has_kept_every_run_that_it_saw_the_end_of(seed: int, path: Path) -> None:
    program = python("-c", PROGRAM, str(path))
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.1, 1.5))
    program.send_signal(signal.SIGKILL)
    acknowledged = [int(line) for line in program.stdout.read().split()]
    program.wait()
    if not path.exists():
        assert acknowledged == []
        return
    with closing(open_file(path).connection) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        reader = Reader(file)
        kept = [run for key in reader.ids("conversation") for run in reader.conversation(key).runs]
        finished = [run.question for run in kept if run.state == "finished"]
        assert finished[: len(acknowledged)] == [f"question {number}" for number in acknowledged]
        assert len(kept) <= len(acknowledged) + 2  # the one that ended unseen, and the one that was cut short
        assert {run.state for run in kept[len(finished) :]} <= {"interrupted"}
        for run in kept[: len(finished)]:
            assert run.answer.endswith("done")
            assert run.records[-1].event.kind == "run_finished"
        if finished:
            dialogue = reader.dialogue(reader.ids("conversation")[0])
            assert len(dialogue.messages) >= 4 * len(finished)
