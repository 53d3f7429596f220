"""The shape of the project: layers, public names, plugin families, sizes, and what an import costs."""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kubeagentix
from kubeagentix import errors, registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kubeagentix"
TOP_LEVEL = (
    "pyproject.toml",
    "kubeagentix",
    "notebooks",
    "tests",
    "benchmarks",
    "binder",
    "docker",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    ".ci/run",
)


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_the_public_names_are_these() -> None:
    assert set(kubeagentix.__all__) == {
        "ApprovalAnswer",
        "ApprovalRequest",
        "Cluster",
        "Credential",
        "Demo",
        "Diagnosis",
        "Engine",
        "Evidence",
        "Finding",
        "KubeAgentiXError",
        "Provider",
        "Remedy",
        "Reply",
        "ResourceRef",
        "RunOptions",
        "Secret",
        "Severity",
        "Snapshot",
        "__version__",
        "achat",
        "adiagnose",
        "afleet",
        "analyzer",
        "analyzers",
        "atake_snapshot",
        "chat",
        "connect",
        "current",
        "demo",
        "diagnose",
        "doctor",
        "finding",
        "fleet",
        "history",
        "load",
        "providers",
        "resources",
        "save",
        "take_snapshot",
        "tool",
        "tools",
        "use",
        "watch",
    }
    for name in kubeagentix.__all__:
        assert getattr(kubeagentix, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'diagnoze'"):
        _ = kubeagentix.diagnoze


def test_importing_loads_no_heavy_module() -> None:
    loaded = json.loads(run_python("import kubeagentix, sys, json; print(json.dumps(sorted(sys.modules)))"))
    heavy = {
        "pandas",
        "kubernetes",
        "anthropic",
        "openai",
        "google.genai",
        "aiohttp",
        "rich",
        "IPython",
        "cryptography",
    }
    assert heavy.isdisjoint(loaded)


def test_importing_loads_no_more_than_a_handful_of_modules() -> None:
    bare = set(json.loads(run_python("import sys, json; print(json.dumps(sorted(sys.modules)))")))
    ours = set(json.loads(run_python("import kubeagentix, sys, json; print(json.dumps(sorted(sys.modules)))")))
    assert len(ours - bare) < 30


def test_every_error_ends_in_error_and_has_a_code_of_its_own() -> None:
    found = [
        item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, errors.KubeAgentiXError)
    ]
    assert all(item.__name__.endswith("Error") for item in found)
    assert len({item.code for item in found}) == len(found)


@pytest.mark.parametrize(
    "family", [registry.analyzers, registry.exporters, registry.commands, registry.magics, registry.tools]
)
def test_a_family_loads_and_is_not_empty(family: object) -> None:
    assert family()  # type: ignore[operator]


def test_top_level_files_are_there() -> None:
    assert [name for name in TOP_LEVEL if not (ROOT / name).exists()] == []


def test_no_module_outgrows_its_subject() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in sizes.items() if lines > 500} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not re.match(r'(#![^\n]*\n)?"""\S', path.read_text())
    ]
    assert silent == []


def test_a_dependency_says_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    lines = [line for line in block.splitlines() if re.search(r'^\s*(\w[\w-]* = \[)?"[a-z]', line.strip())]
    unexplained = [line for line in lines if "#" not in line and "kubeagentix[" not in line]
    assert unexplained == []


def test_plugins_are_found_by_file_not_by_list() -> None:
    files = {info.name.replace("_", "-") for info in pkgutil.iter_modules([str(PACKAGE / "analyzers")])}
    assert set(registry.analyzers()) == files


def test_a_public_name_comes_before_a_folder_of_the_same_name() -> None:
    code = "import kubeagentix as kx, kubeagentix.demo.store; import kubeagentix.api; print(type(kx.demo).__name__)"
    assert run_python(code).strip() == "function"
