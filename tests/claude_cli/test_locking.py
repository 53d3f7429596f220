from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kubeagentix.claude_cli.locking import FileLock, lock_of

HOLDER = """
import sys, time
from pathlib import Path
from kubeagentix.claude_cli.locking import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
time.sleep(60)
"""


def test_one_holds_it_at_a_time(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()


def test_another_process_holds_it_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        lock = FileLock(path)
        assert not lock.try_acquire()
    finally:
        holder.kill()
        holder.communicate()
    asyncio.run(asyncio.wait_for(lock.acquire(), 2))


def test_waiting_can_be_cancelled(tmp_path: Path) -> None:
    holder = FileLock(tmp_path / "lock")
    assert holder.try_acquire()

    async def wait() -> float:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(FileLock(tmp_path / "lock").acquire(), 0.2)
        return time.monotonic() - begun

    assert asyncio.run(wait()) < 1


def test_who_shares_a_configuration_shares_its_lock(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    one, same, other = (lock_of(tmp_path / name, environ) for name in ("a", "b/../a", "b"))
    assert one.path == same.path != other.path
    assert tmp_path / ".cache" in one.path.parents
    assert tmp_path / "a" not in one.path.parents


def test_a_home_that_cannot_be_written_has_its_lock_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lock = lock_of(tmp_path / "a", {"HOME": str(tmp_path / "file")})
    assert lock.try_acquire()
    lock.release()
