"""What starting loads: budgets of modules, and of the time for imports against an empty interpreter of the same run."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache

import pytest

SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
PROGRAM = "from kubeagentix.cli.app import main; main({})"
STARTS = {
    "nothing": "pass",
    "a shell": SHELL,
    "import": "import kubeagentix",
    "--version": PROGRAM.format(["--version"]),
    "dx --help": PROGRAM.format(["dx", "--help"]),
    "dx --demo": PROGRAM.format(["dx", "--demo"]),
    "%load_ext": f"{SHELL}; shell.run_line_magic('load_ext', 'kubeagentix')",
}
# Modules more than the base has, with some room for other versions of what we stand on.
BUDGETS = [
    ("import", "nothing", 35),
    ("--version", "nothing", 45),
    ("dx --help", "nothing", 175),
    ("%load_ext", "a shell", 275),
    ("dx --demo", "nothing", 1250),
]
# How many times as long the imports take as the base's: twice of what it is on cores with nothing else on them.
RATIOS = [
    ("import", "nothing", 5.0),
    ("--version", "nothing", 6.0),
    ("dx --help", "nothing", 40.0),
    ("%load_ext", "a shell", 5.0),
]
ROUNDS = 12
AT_THE_END = "import atexit, sys; atexit.register(lambda: print('loaded:', *sys.modules, file=sys.stderr)); "
_SPENT = re.compile(r"^import time: +(\d+) \|", re.MULTILINE)


def said(start: str, *options: str) -> str:
    """What that start says on stderr: the time of its imports, if asked for, and the modules that it has in the end."""
    command = [sys.executable, *options, "-c", AT_THE_END + STARTS[start]]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


@cache
def modules(start: str) -> frozenset[str]:
    return frozenset(said(start).rpartition("loaded:")[2].split())


def spent_us(start: str) -> int:
    """Microseconds for its imports, without what they wait for, by `-X importtime`."""
    return sum(int(spent) for spent in _SPENT.findall(said(start, "-X", "importtime")))


@pytest.mark.parametrize(("start", "base", "budget"), BUDGETS)
def test_a_start_loads_no_more_modules_than_it_may(start: str, base: str, budget: int) -> None:
    added = modules(start) - modules(base)
    assert "kubeagentix" in added
    assert len(added) <= budget, sorted(added)


@pytest.mark.parametrize(("start", "base", "most"), RATIOS)
def test_its_imports_take_no_more_times_as_long_as_those_of_the_base(start: str, base: str, most: float) -> None:
    # What else the machine does makes both longer, by chance, so that one round within the bound is enough.
    ratios: list[float] = []
    while not ratios or (min(ratios) > most and len(ratios) < ROUNDS):
        ratios.append(spent_us(start) / spent_us(base))
    assert min(ratios) <= most, ratios


@pytest.mark.parametrize("start", ["--version", "dx --help"])
def test_a_word_about_itself_loads_nothing_of_the_cluster_or_of_models(start: str) -> None:
    heads = {name.partition(".")[0] for name in modules(start)}
    assert {"kubernetes", "urllib3", "aiohttp", "rich", "yaml", "cryptography", "anthropic", "openai"}.isdisjoint(heads)


def test_one_command_does_not_load_the_others() -> None:
    commands = {name for name in modules("dx --help") if name.startswith("kubeagentix.cli.commands.")}
    assert commands == {"kubeagentix.cli.commands.dx"}


def test_the_demo_is_diagnosed_without_any_models_client() -> None:
    assert {"anthropic", "openai", "google.genai", "claude_agent_sdk", "pandas"}.isdisjoint(modules("dx --demo"))
