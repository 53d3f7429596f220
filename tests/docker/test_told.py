"""The commands that the README and 05-docker tell of fit the files that are there: services, folders, options."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from kubeagentix import registry
from tests.notebooks.running import NOTEBOOKS, read

ROOT = Path(__file__).parents[2]
NOTEBOOK = [cell.source for cell in read(NOTEBOOKS / "05-docker.ipynb").cells if cell.cell_type == "markdown"]
TOLD = "\n\n".join(((ROOT / "README.md").read_text(), *NOTEBOOK)).replace("\\\n", " ")
ALONE = {"--rm", "-it", "--build"}  # options without a value


class _Loader(yaml.SafeLoader):
    """Knows `!reset`, which takes a key of an earlier file away."""


_Loader.add_constructor("!reset", lambda loader, node: None)
(SERVICE,) = yaml.load((ROOT / "compose.yaml").read_text(), _Loader)["services"].items()
HOME = next(iter(re.findall(r"^ENV HOME=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)))


def commands() -> Iterator[str]:
    """All that begin with an engine's name, in blocks and between backquotes."""
    for found in re.findall(
        r"^    ((?:docker|podman) .*?)(?:\s+#.*)?$|`((?:docker|podman) [^`]+)`", TOLD, re.MULTILINE
    ):
        if (command := found[0] or found[1]) not in {"docker run", "docker compose logs"}:
            yield command


def options(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """(option, value) of each, and what follows."""
    given, rest = [], list(words)
    while rest and rest[0].startswith("-"):
        name = rest.pop(0)
        given.append((name, "" if name in ALONE else rest.pop(0)))
    return given, rest


def check_command(words: Sequence[str]) -> None:
    """Raises SystemExit where it is none that the image has."""
    if words:
        program, name, *rest = words
        assert program == "kubeagentix"
        known = argparse.ArgumentParser()
        registry.commands()[name].configure(known)
        known.parse_args(rest)


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_fits_the_files_that_are_there(command: str) -> None:
    engine, verb, *words = shlex.split(command)
    name, service = SERVICE
    if verb == "compose":
        given, (verb, *words) = options(words)
        assert [file for option, file in given if option == "-f" and not (ROOT / file).is_file()] == []
        assert verb in {"up", "exec"}
        if verb == "exec":
            assert words[0] == name
            check_command(words[1:])
    elif verb == "build":
        assert words == ["-t", service["image"], "."]
    else:
        assert verb == "run"
        given, (image, *words) = options(words)
        assert image == ("localhost/" if engine == "podman" else "") + service["image"]
        check_command(words)
        for option, value in given:
            check_option(option, value, service["environment"])


def check_option(option: str, value: str, passed: dict[str, str | None]) -> None:
    """Raises AssertionError where it is not what compose.yaml says."""
    if option == "-e":
        assert value.partition("=")[0] in passed
    elif option == "-v":
        assert value.split(":")[1].startswith(f"{HOME}/")
        assert value.split(":")[2:] == (["ro"] if ".kube" in value else [])
    elif option == "-p":
        assert value.startswith("127.0.0.1:")


def test_there_are_commands_for_each_way() -> None:
    found = {tuple(command.split()[:2]) for command in commands()}
    assert {(engine, verb) for engine in ("docker", "podman") for verb in ("build", "run")} <= found
    assert ("docker", "compose") in found


@pytest.mark.parametrize("mount", re.findall(r"-v \"(\$HOME/[^\"]+)\"", TOLD))
def test_a_folder_of_the_host_is_mounted_at_its_place_in_the_home(mount: str) -> None:
    host, container, *_ = mount.split(":")
    assert container == host.replace("$HOME", HOME)


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"`(KUBEAGENTIX_\w+)[`=]", "\n".join(NOTEBOOK)))))
def test_a_variable_of_05_docker_is_known_to_compose(variable: str) -> None:
    assert variable in SERVICE[1]["environment"]
