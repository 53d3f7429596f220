"""What every magic owes its user: help that is printed, and a mistake in one line that names what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.errors import UsageError
from kubeagentix.notebook.calling import parser_of
from tests.notebook.magics.test_kdx import fail, run

MAGICS = registry.magics()
CELLS = [name for name, plugin in MAGICS.items() if plugin.has_cell]


def spellings() -> list[str]:
    """Every magic as a line, and as a cell where there is one, with a place for options."""
    bodies = {name: "a question" if MAGICS[name].takes_text else "--no-such-option" for name in CELLS}
    lines = [f"%{name} OPTIONS" for name in MAGICS]
    return lines + [f"%%{name} OPTIONS" for name in CELLS] + [f"%%{name} OPTIONS\n{bodies[name]}" for name in CELLS]


@pytest.mark.parametrize("spelling", spellings())
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_printed_and_nothing_else_happens(shell: Any, spelling: str, option: str) -> None:
    value, text = run(shell, spelling.replace("OPTIONS", option))
    name = spelling.lstrip("%").split()[0]
    assert value is None
    assert text.startswith(f"usage: %{name} ")
    assert MAGICS[name].help in text


@pytest.mark.parametrize("spelling", [*(f"%{name}?" for name in MAGICS), *(f"%%{name}?" for name in CELLS)])
def test_a_question_mark_shows_the_help(shell: Any, spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paged: list[str] = []
    monkeypatch.setattr("IPython.core.page.page", lambda text, *_, **__: paged.append(str(text)))
    run(shell, spelling)
    assert f"usage: %{spelling.strip('%?')} " in paged[0]


@pytest.mark.parametrize("spelling", spellings())
def test_an_unknown_option_is_one_line_with_the_nearest(shell: Any, spelling: str) -> None:
    plugin = MAGICS[spelling.lstrip("%").split()[0]]
    longest = max(parser_of(plugin).option_names, key=len)
    slip = longest[:-2] + longest[-1] + longest[-2] + "x"
    result, text = fail(shell, spelling.replace("OPTIONS", slip).replace("--no-such-option", ""))
    assert isinstance(result.error_in_exec, UsageError)
    assert text.startswith(f"error: unknown option '{slip}'; did you mean ")
    assert longest in text
    assert len(text.strip().splitlines()) == 1


@pytest.mark.parametrize("name", [name for name in MAGICS if name not in CELLS])
def test_a_line_magic_used_as_a_cell_is_told_apart(shell: Any, name: str) -> None:
    _, text = fail(shell, f"%%{name}\nbody")
    assert f"line magic `%{name}` exists" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("name", MAGICS)
def test_every_option_says_what_it_does(name: str) -> None:
    assert [action.dest for action in parser_of(MAGICS[name]).actions if not action.help] == []
