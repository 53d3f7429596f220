"""Reading a log takes time in proportion to its length, and at that only to so much of it, whatever it holds."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator

import pytest

import kubeagentix.analysis
from kubeagentix.analysis.hosts import hosts_in
from kubeagentix.analysis.log_lines import abridged
from kubeagentix.analysis.logs import read_failure
from kubeagentix.analysis.signatures import SIGNATURES, recognise

UNITS = (
    *(" ", "a", "A", "1", "a:", "a.", "a-", "A_", "1.", "0-", "ab1", "[(", '"', "'", "/a", '\\"', "{", '{"a":', "x="),
    *("://a@", "http://", "host ", "host:", "lookup a: ", "connect to ", 'server on "a" ', "failed to ", "config "),
    *("KeyError: '", "env ", "missing ", "invalid character '", "required flag ", "error ", "exec ", "ssl ", "\t"),
    *("10.0.0.", "open a", "Caused by: ", "os.environ\n", "invalid value ", "parsing [", "é", "\x1b[0", "inotify "),
)
FLOOR_S = 0.003  # what takes less is told apart from nothing by no clock
LINEAR, QUADRATIC = 4.0, 16.0  # of a text four times as long


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """The patterns that logs and messages are read with."""
    for signature in SIGNATURES:
        yield signature.name, signature.pattern
    for module in pkgutil.iter_modules(kubeagentix.analysis.__path__):
        if module.name.startswith(("log_", "mentions", "logs", "hosts", "denials")):
            for name, value in vars(importlib.import_module(f"kubeagentix.analysis.{module.name}")).items():
                for part in value if isinstance(value, tuple) else (value,):
                    if isinstance(part, re.Pattern):
                        yield f"{module.name}.{name}", part


def cpu_s(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def growth(work: Callable[[str], object], short: str, long: str) -> float:
    """How many times longer the long text takes, the best of several tries; 0 for what takes no time at all."""
    ratios = []
    for _ in range(3):
        took = cpu_s(lambda: work(long))
        if took < FLOOR_S:
            return 0.0
        ratios.append(took / max(cpu_s(lambda: work(short)), 1e-9))
        if ratios[-1] < 2 * LINEAR:
            break
    return min(ratios)


@pytest.mark.parametrize(("name", "pattern"), [pytest.param(*item, id=item[0]) for item in patterns()])
def test_the_time_of_a_pattern_grows_as_the_text_does(name: str, pattern: re.Pattern[str]) -> None:
    # A pattern that is only matched at the beginning of a line may look for spaces from there on.
    find = pattern.match if name in {"log_entries._DEEPER", "log_entries._JSON_MESSAGE"} else pattern.search
    for unit in UNITS:
        text = unit * 8000
        ratio = growth(find, text[:2000] + "!", text[:8000] + "!")
        assert ratio < QUADRATIC * 0.6, f"{name} takes {ratio:.0f} times as long for 4 times {unit!r}"


@pytest.mark.parametrize("unit", UNITS)
def test_no_more_of_a_long_line_is_read_than_of_a_short_one(unit: str) -> None:
    def read(text: str) -> object:
        return read_failure([f"ERROR {line} refused {n}" for n, line in enumerate([text] * 40)])

    assert growth(read, (unit * 5000)[:5000], (unit * 50000)[:50000]) < 2 * LINEAR


def test_what_stands_at_the_end_of_a_long_line_is_read() -> None:
    failure = read_failure([f"cannot save {'x' * 5000}: dial tcp: lookup db on 10.0.0.1:53: no such host"])
    assert failure is not None
    assert (failure.signature, failure.subject) == ("NoSuchHost", "db")
    assert abridged("a" * 30, 30) == "a" * 30


def test_what_stands_in_the_middle_of_a_long_line_is_not() -> None:
    assert read_failure([f"{'x' * 5000} no such host {'x' * 5000}"]) is None


def test_an_ordinary_line_is_held_against_no_pattern() -> None:
    line = "10:00:01 handled an order of 3 items in 12 ms".lower()
    assert [item.name for item in SIGNATURES if any(stem in line for stem in item.stems)] == []
    assert recognise(line) is None


def test_settings_of_any_kind_are_searched_for_hosts_in_no_time() -> None:
    for unit in ("a-", "1.", "ab1", "a.", "//a", "=a", " a"):
        short, long = (unit * 8000)[:8000], (unit * 32000)[:32000]
        assert growth(lambda text: list(hosts_in("DATA", text)), short, long) < QUADRATIC * 0.6
