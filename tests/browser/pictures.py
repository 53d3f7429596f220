"""`python -m tests.browser.pictures`: the README's pictures, taken in a real JupyterLab, into `docs/pictures`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser.lab import ROOT

PICTURES = ROOT / "docs" / "pictures"
NAMES = tuple(f"{what}-{theme}.png" for what in ("chat", "table", "providers") for theme in ("light", "dark"))
MAX_BYTES = 200_000  # a page with all of them still comes quickly
COLOURS = 128  # a page of text has few, and their shades
TAKES = "tests/browser/test_pictures.py"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "KUBEAGENTIX_TEST_SHOTS": folder}
        subprocess.run([sys.executable, "-m", "pytest", "-q", TAKES], cwd=ROOT, env=environ, check=True)
        PICTURES.mkdir(exist_ok=True)
        for name in NAMES:
            keep(Path(folder, f"readme-{name}"), PICTURES / name)


def keep(taken: Path, kept: Path) -> None:
    """Puts a picture into its place, in few colours. Raises ValueError if it is too large for a page."""
    with Image.open(taken) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(kept, optimize=True)
    size = kept.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{kept.name} has {size} bytes, and {MAX_BYTES} are the most; show less in {TAKES}")


if __name__ == "__main__":
    main()
