from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kubeagentix.claude_cli.places import Place

LEFT_BEHIND = "import os; from kubeagentix.claude_cli.places import Place; print(Place().root); os._exit(1)"


@pytest.fixture(autouse=True)
def _own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_place_is_private_and_goes_away(tmp_path: Path) -> None:
    place = Place()
    path = place.write("system-prompt", "You are X.")
    assert path.read_text() == "You are X."
    folders = (place.root, place.config, place.tmp, place.cache, place.cwd)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert path.stat().st_mode & 0o777 == 0o600
    (place.tmp / "deep" / "down").mkdir(parents=True)
    place.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_that_died_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    died = subprocess.run([sys.executable, "-c", LEFT_BEHIND], env=environ, capture_output=True, text=True, check=False)
    left = Path(died.stdout.strip())
    assert left.is_dir()
    place = Place()
    assert not left.exists()
    place.remove()


def test_a_place_that_is_in_use_stays() -> None:
    first, second = Place(), Place()
    assert first.root.is_dir()
    first.remove()
    assert second.root.is_dir()
    second.remove()
