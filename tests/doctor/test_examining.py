"""No check holds up, breaks or silences another, and nothing that is told can carry a secret."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from kubeagentix.doctor.examining import Check, Surroundings, Tell, examine
from kubeagentix.doctor.results import Checkup
from kubeagentix.errors import ClusterError
from tests.doctor.seeing import seen


async def fine(_: Surroundings, tell: Tell) -> None:
    tell.ok("this", "works")


def test_a_check_that_hangs_says_so_and_what_it_has_told_stands() -> None:
    async def hangs(_: Surroundings, tell: Tell) -> None:
        tell.ok("first", "was quick")
        await asyncio.Event().wait()

    first, late = seen(Check(name="slow", run=hangs, limit_s=lambda _: 0.05))
    assert (first.what, first.state) == ("first", "ok")
    assert (late.state, late.code, late.seen) == ("warning", "timeout", "was not known within 0.05 s")


def test_a_check_that_breaks_is_a_result_and_the_others_stand() -> None:
    async def breaks(_: Surroundings, tell: Tell) -> None:
        raise ZeroDivisionError("by nothing")

    async def refuses(_: Surroundings, tell: Tell) -> None:
        raise ClusterError("cannot", hint="try otherwise")

    async def all_of_them() -> Checkup:
        checks = [Check(name=name, run=run) for name, run in (("a", breaks), ("b", refuses), ("c", fine))]
        return await examine(checks, Surroundings(environ={}))

    broken, refused, works = asyncio.run(all_of_them()).results
    assert (broken.check, broken.state, broken.code) == ("a", "warning", "broken")
    assert "ZeroDivisionError: by nothing" in broken.seen
    assert (refused.state, refused.seen, refused.do) == ("failed", "cannot", "try otherwise")
    assert works.state == "ok"


def test_checks_run_beside_each_other() -> None:
    both = threading.Barrier(2, timeout=20)  # broken unless two are at it at once

    async def meets(about: Surroundings, tell: Tell) -> None:
        tell.ok("met", str(await about.in_thread(both.wait)))

    async def two() -> Checkup:
        return await examine([Check(name="a", run=meets), Check(name="b", run=meets)], Surroundings(environ={}))

    assert [result.state for result in asyncio.run(two()).results] == ["ok", "ok"]


def test_the_program_ends_whatever_a_thread_still_waits_for() -> None:
    code = """
import asyncio, time
from kubeagentix.doctor.examining import Check, Surroundings, examine
async def blocks(about, tell):
    await about.in_thread(lambda: time.sleep(600))
async def main():
    return await examine([Check(name="a", run=blocks, limit_s=lambda _: 0.1)], Surroundings(environ={}))
print(asyncio.run(main()).results[0].code)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "timeout\n"


@pytest.mark.parametrize(
    "text", ["Bearer sk-ant-oat01-abcdefghijklmnop1234", "see https://user:correcthorse@proxy.example:3128/x"]
)
def test_what_is_told_is_masked_and_on_one_line(text: str) -> None:
    async def tells(_: Surroundings, tell: Tell) -> None:
        tell.failed(f"what {text}", f"seen\n\x1b[31m{text}", f"do {text}")

    (told,) = seen(Check(name="leaks", run=tells))
    whole = f"{told.what} {told.seen} {told.do}"
    assert "sk-ant-oat01-abc" not in whole
    assert "correcthorse" not in whole
    assert whole.isprintable()
