"""That the run of all notebooks finds out a notebook which says that it asks Claude and does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.notebooks.running import NOTEBOOKS, ROOT

CELL: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": []}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
EMPTY = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": KERNEL}}


def test_a_notebook_that_asks_nobody_fails(tmp_path: Path) -> None:
    shutil.copy(NOTEBOOKS / "conftest.py", tmp_path)
    silent = {**EMPTY, "cells": [{**CELL, "source": "import os; os.environ['ANTHROPIC_BASE_URL']"}]}
    (tmp_path / "03-claude-local-login.ipynb").write_text(json.dumps(silent))
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "1 passed, 1 error" in done.stdout
    assert "03-claude-local-login.ipynb asked as []" in done.stdout
