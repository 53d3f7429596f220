"""What may be typed, in any order, and what one line answers a mistake."""

from __future__ import annotations

import argparse

import pytest

from kubeagentix import options
from kubeagentix.errors import UsageError


def parse(*words: str) -> argparse.Namespace:
    parser = options.OneLineParser("kubeagentix dx", "help")
    options.add_dx_options(parser)
    arguments = parser.parse(words)
    options.check(arguments)
    return arguments


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ((), None),
        (("deploy/web",), "deploy/web"),
        (("deploy", "web"), "deploy/web"),
        (("deploy", "-n", "shop", "web"), "deploy/web"),
        (("-n", "shop", "deploy/web"), "deploy/web"),
        (("deploy/web", "--demo", "s1", "s2"), "deploy/web"),
        (("--demo=s1,s2", "-A"), None),
    ],
)
def test_a_target_may_stand_anywhere(words: tuple[str, ...], target: str | None) -> None:
    assert options.target_of(parse(*words)) == target


@pytest.mark.parametrize(
    ("words", "scenarios"),
    [
        (("--demo",), ()),
        (("--demo", "s1", "s2"), ("s1", "s2")),
        (("--demo=s1,s2",), ("s1", "s2")),
        (("deploy/web", "--demo=s1,s2"), ("s1", "s2")),
    ],
)
def test_scenarios_are_named_by_spaces_or_commas(words: tuple[str, ...], scenarios: tuple[str, ...]) -> None:
    arguments = parse(*words)
    assert arguments.demo is not None
    assert options.scenarios_of(arguments) == scenarios


def test_a_target_after_demo_is_told_where_to_stand() -> None:
    with pytest.raises(UsageError, match="'deploy/web' is no scenario; put the target before --demo"):
        options.scenarios_of(parse("--demo", "s1", "deploy/web"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--namespce", "x"), "unknown option '--namespce'; did you mean --namespace"),
        (("--name", "x"), "unknown option '--name'"),  # an abbreviation is a guess
        (("--qqqq",), "unknown option '--qqqq'; see kubeagentix dx --help"),
        (("-n", ""), "--namespace is empty; name something, or leave it out"),
        (("",), "KIND/NAME is empty"),
        (("--demo=",), "--demo is empty"),
        (("--snapshot", ""), "--snapshot is empty"),
        (("-n",), "expected one argument; see kubeagentix dx --help"),
        (("-n", "a", "-A"), "-n and -A exclude each other"),
        (("--snapshot", "f", "--demo"), "--snapshot and --demo exclude each other"),
        (("--snapshot", "f", "--kubeconfig", "k"), "--snapshot and --kubeconfig exclude each other"),
        (("--ignore", "reson=X"), "unknown key 'reson' in --ignore 'reson=X'; did you mean reason"),
        (("--ignore", "X", "--no-ignore"), "--ignore and --no-ignore exclude each other"),
        (("--ignore", ""), "--ignore is empty"),
        (("--demo", "--context", "c", "--kubeconfig", "k"), "--demo and --context exclude each other"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse(*words)
    assert "\n" not in str(caught.value)


def test_context_and_kubeconfig_go_together() -> None:
    assert parse("--context", "c", "--kubeconfig", "k").context == "c"


@pytest.mark.parametrize("words", [("deploy/web", "deploy/api", "svc/x"), ("deploy/web", "api"), ("svc/a", "svc/b")])
def test_two_targets_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="more than one target"):
        options.target_of(parse(*words))


@pytest.mark.parametrize("words", [(">", "out.txt"), ("deploy/web", ">>out.txt")])
def test_a_shells_arrow_is_told_what_writes_a_file(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="is no target; write the result to a file with --output FILE"):
        options.target_of(parse(*words))


def test_rules_to_ignore_may_be_given_again() -> None:
    question = options.question(
        parse("--ignore", "OOMKilled", "deploy/web", "--ignore=reason=A,until=2026-12-31"), None
    )
    assert [rule.reason for rule in question["ignore"]] == [("OOMKilled",), ("A",)]
    assert not question["include_ignored"]
    assert options.question(parse("--no-ignore"), None)["include_ignored"]


@pytest.mark.parametrize("option", ["--lint", "--include-lint"])
def test_lint_is_asked_for(option: str) -> None:
    assert options.question(parse(option), None)["include_lint"]
