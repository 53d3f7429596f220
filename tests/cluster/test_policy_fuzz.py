"""Whatever comes has a verdict, and `allow` is a verb that reads, with flags that are known."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeagentix.cluster import kubectl_flags
from kubeagentix.cluster.kubectl_reading import names_secrets
from kubeagentix.cluster.kubectl_verbs import VERBS
from kubeagentix.cluster.policy import Bounds, Decision, judge, permitted
from kubeagentix.errors import UsageError
from tests.cluster.command_lines import GLOBAL, command_lines, reading_lines

# On a busy machine the first texts take hypothesis seconds to make.
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
READING = {name for name, verb in VERBS.items() if verb.verdict == "allow"}
ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
HERE = Bounds(namespace="shop", context="prod", workspace=Path())
APPENDED = {"rollout status": "--watch=false", "delete": "--wait=false"}


def check(decision: Decision) -> None:
    """What holds of each verdict."""
    command = decision.command
    assert (command is None) == (decision.verdict == "refuse")
    assert decision.why
    if command is None:
        return
    name = command.verb.name
    assert (decision.verb, decision.effect) == (name, command.verb.effect)
    assert (decision.verdict == "allow") == (name in READING) == (command.verb.effect in ("read", "local"))
    assert " ".join(command.arguments[: name.count(" ") + 1]) == name
    flags = [word[2:].partition("=")[0] for word in command.arguments if word.startswith("-")]
    assert {*flags} <= {*kubectl_flags.offered(name)}
    assert not any(word.startswith("-") and not word.startswith("--") for word in command.arguments)
    if decision.verdict == "allow" and names_secrets(command.words) and name == "get":
        assert command.output in ("", "wide", "name", "json", "yaml", "kyaml", "raw")


@MANY
@given(ANY_TEXT | st.lists(ANY_TEXT, max_size=8))
def test_whatever_text_comes_has_a_verdict(command: str | list[str]) -> None:
    check(judge(command, HERE))
    with contextlib.suppress(UsageError):
        permitted(command)


@MANY
@given(command_lines() | reading_lines())
def test_whatever_line_comes_has_a_verdict(words: list[str]) -> None:
    check(judge(words, HERE))


@MANY
@given(reading_lines() | command_lines())
def test_what_is_written_anew_means_the_same(words: list[str]) -> None:
    command = judge(words).command
    if command is None:
        return
    again = judge(command.arguments)
    assert again.command is not None, command.arguments
    assert again.command.arguments == command.arguments


@MANY
@given(st.sampled_from(["delete pod x", "scale deploy/x --replicas=0", "exec x -- sh", "drain n"]), GLOBAL, ANY_TEXT)
def test_nothing_around_a_change_makes_it_a_reading(line: str, before: list[str], after: str) -> None:
    assert judge([*before, *line.split(), after]).verdict != "allow"
    assert judge(" ".join((*before, line, after))).verdict != "allow"


@pytest.mark.parametrize("size", [60_000, 3_000_000])
def test_what_is_too_long_for_a_program_is_refused(size: int) -> None:
    assert judge("get pods " + "x" * size).why == "the command is longer than 50,000 characters"
    assert judge(["get", "x" * size]).verdict == "refuse"
