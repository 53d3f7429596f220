"""The tables of flags and verbs against the help of the real kubectl."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeagentix.cluster import kubectl_flags
from kubeagentix.cluster.kubectl_verbs import VERBS
from tests.cluster.kubectl_itself import ask, flags_of

HIDDEN = {"autoscale": {"cpu-percent"}}  # still taken, no longer told


def kinds(name: str) -> str:
    return "value" if name == "optional" else name


@pytest.mark.parametrize("verb", kubectl_flags.verbs_with_flags())
def test_the_flags_of_a_verb_are_kubectls(verb: str, tmp_path: Path) -> None:
    real = flags_of(tmp_path, *verb.split())
    ours = {n: f for n, f in kubectl_flags.offered(verb).items() if n not in kubectl_flags.OFFERED_EVERYWHERE}
    assert {*ours} - {*real} == HIDDEN.get(verb, set())
    shared = {name for name in ours if name in real}
    assert {(n, ours[n].letter, kinds(ours[n].kind)) for n in shared} == {
        (n, real[n].letter, real[n].kind) for n in shared
    }


def test_the_flags_of_every_verb_are_kubectls(tmp_path: Path) -> None:
    ours = {name: (flag.letter, flag.kind) for name, flag in kubectl_flags.everywhere().items()}
    assert ours == {name: (flag.letter, flag.kind) for name, flag in flags_of(tmp_path).items()} | {
        "kuberc": ("", "value")  # told only where it is switched on
    }


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        (verb, name)
        for verb in kubectl_flags.verbs_with_flags()
        for name, f in kubectl_flags.offered(verb).items()
        if f.kind == "optional"
    ],
)
def test_an_optional_value_is_optional_to_kubectl(verb: str, name: str, tmp_path: Path) -> None:
    assert ask(tmp_path, *verb.split(), "--help", f"--{name}").returncode == 0


def test_every_verb_that_kubectl_tells_of_has_a_verdict(tmp_path: Path) -> None:
    missing = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        path = waiting.pop()
        told = ask(tmp_path, *path, "--help").stdout
        commands = told[: told.rindex("\nUsage:")].partition("Commands")[2]
        found = [line.split()[0] for line in commands.splitlines() if line.startswith("  ") and line[2].isalpha()]
        if not path and len(found) < 40:
            pytest.fail(f"kubectl's help is not understood: {found}")
        for word in found if "Available Commands" in told or not path else ():
            name = " ".join((*path, word))
            if name not in VERBS:
                missing.append(name)
            waiting.append((*path, word))
    groups = {name.rpartition(" ")[0] for name in VERBS}
    assert [name for name in missing if name not in groups] == []
