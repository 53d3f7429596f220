"""What the README shows is what the program prints."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cli.app import main
from tests.browser.pictures import MAX_BYTES, NAMES
from tests.notebook.conftest import shell as shell  # noqa: PLC0414  a fixture

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_example_is_real_output(capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(
        r"^```\n(1 root cause .*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(examples) == 1
    assert main(["dx", "--demo=database-disk-full"]) == 0
    printed = iter(capsys.readouterr().out.splitlines())
    shown = [line for line in examples[0].splitlines() if line.strip() != "[…]"]
    assert len(shown) > 20
    assert [line for line in shown if line not in printed] == []  # in this order


def test_its_cells_run_as_they_stand(shell: Any) -> None:
    shown = re.search(r"^    import kubeagentix as kx\n    %load_ext(.*\n|    .*)+?(?=^<picture>)", TEXT, re.MULTILINE)
    assert shown is not None
    cells = [cell for cell in re.split(r"\n\s*\n", textwrap.dedent(shown[0])) if cell.strip()]
    assert len(cells) == 6
    for cell in cells:
        shell.run_cell(cell).raise_error()
    assert [str(cause.root) for cause in shell.user_ns["dx"].hypotheses] == ["Deployment orders/checkout"]


def test_there_are_two_commands_to_begin_with() -> None:
    assert len(re.findall(r"^```sh$", README.read_text(encoding="utf-8"), re.MULTILINE)) == 2


def test_its_pictures_are_there_in_light_and_dark_and_small() -> None:
    text = README.read_text(encoding="utf-8")
    shown = re.findall(
        r'<picture>\n  <source media="\(prefers-color-scheme: dark\)" srcset="(\S+)-dark\.png">\n'
        r'  <img alt="([^"]{40,})" src="(\S+)-light\.png">\n</picture>',
        text,
    )
    assert [dark for dark, _, light in shown if dark != light] == []
    assert {f"{light}-{theme}.png" for *_, light in shown for theme in ("light", "dark")} == {
        f"docs/pictures/{name}" for name in NAMES
    }
    assert text.count("<img") == len(shown)
    for name in NAMES:
        assert (README.parent / "docs" / "pictures" / name).stat().st_size <= MAX_BYTES
