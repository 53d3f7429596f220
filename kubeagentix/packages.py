"""What installed packages hand over by entry points, and where a function of the user's own comes from."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from kubeagentix.domain.diagnosis import Gap
from kubeagentix.errors import excerpt


def source_of(function: Callable[..., Any]) -> str:
    """Where a function was defined, as far as a reader can go there; the file of a cell is none."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None and Path(code.co_filename).is_file():
        return f"{code.co_filename}:{code.co_firstlineno}"
    return "this notebook" if function.__module__ == "__main__" else f"module {function.__module__}"


def package_of(point: EntryPoint) -> str:
    """The package that hands it over, with its version, and what it names."""
    package = f"package {point.dist.name} {point.dist.version}" if point.dist is not None else "a package"
    return f"{package} ({point.value})"


def _places() -> tuple[tuple[str, int], ...]:
    """Where packages are looked for, and when each place last changed: an installation changes its place."""
    found = []
    for place in sys.path:
        try:
            found.append((place, Path(place or os.curdir).stat().st_mtime_ns))
        except OSError:
            found.append((place, 0))
    return tuple(found)


@lru_cache(maxsize=8)
def _points(group: str, _: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """What packages hand over to `group`. It takes 5 ms to look for, so it is kept until a place changes."""
    return tuple(sorted(entry_points(group=group), key=lambda point: (point.name, point.value)))


def load_new(
    group: str, what: str, loaded: set[tuple[str, str]], load: Callable[[EntryPoint], None]
) -> tuple[Gap, ...]:
    """Has `load` called for the entry points of `group` that are not among `loaded`; the Gaps of those that cannot be.

    `loaded` holds names and values and is added to; `what` they are called, such as `analyzer`.
    """
    gaps = []
    for point in _points(group, _places()):
        if (point.name, point.value) not in loaded:
            try:
                load(point)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a package's bug must not cost the run
                why = f"{type(error).__name__}: {excerpt(str(error), 160)}"
                gaps.append(Gap(what=f"{what} {point.name} of {package_of(point)} could not be loaded", why=why))
            else:
                loaded.add((point.name, point.value))
    return tuple(gaps)
