"""Python, the package and its extras: what is missing, for which feature, and the command that brings it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata

from kubeagentix import __version__
from kubeagentix.doctor.examining import Check, Surroundings, Tell

PACKAGE = "kubeagentix"
NEWEST_TESTED = (3, 13)
# (distribution, the oldest that will do), as in pyproject.toml, which a test holds them against.
REQUIRED = (
    *(("jsonschema", "4.23"), ("kubernetes", "37"), ("msgspec", "0.20"), ("aiohttp", "3.12")),
    *(("cryptography", "44"), ("PyYAML", "6.0.4"), ("rich", "14")),
)
EXTRAS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "claude": (("anthropic", "2.12"),),
    "claude-code": (("claude-agent-sdk", "0.2"),),
    "openai": (("openai", "3.54"),),
    "gemini": (("google-genai", "3.4"),),
    "lab": (
        *(("anywidget", "0.9.18"), ("ipykernel", "7.0.1"), ("ipywidgets", "8.1"), ("jupyterlab", "4.4")),
        *(("markdown-it-py", "3"), ("nh3", "0.2.20"), ("pandas", "2.2")),
    ),
    "mcp": (("mcp", "2.3"), ("uvicorn", "0.31.1")),
    "fleet": (("distributed", "2026.1"),),
    "keyring": (("keyring", "25"),),
    "telemetry": (("opentelemetry-api", "1.38"),),
    "nest": (("nest-asyncio", "1.6"),),
}
FEATURES = {
    "claude": "the Claude API",
    "claude-code": "a Claude subscription (it brings the CLI)",
    "openai": "the OpenAI API and servers like it",
    "gemini": "the Gemini API",
    "lab": "JupyterLab, widgets, frame()",
    "mcp": "serving MCP clients, tools of MCP servers",
    "fleet": "a fleet's work on a Dask cluster",
    "keyring": "credentials from the system's keyring",
    "telemetry": "OpenTelemetry spans",
    "nest": "cells that nest event loops",
}
OPT_IN = ("fleet", "keyring", "telemetry", "nest")  # nobody misses them who does not look for them


@dataclass(frozen=True, slots=True)
class Missing:
    """A distribution that is not there, or too old (`seen` is its version)."""

    name: str
    wanted: str
    seen: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.seen} is older than {self.wanted}" if self.seen else f"{self.name} is not installed"


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells about Python, what is required, and each extra."""
    await about.in_thread(lambda: _tell_all(tell))


def _tell_all(tell: Tell) -> None:
    _tell_python(tell)
    lacking = tuple(missing_of(REQUIRED))
    if lacking:
        tell.failed(f"{PACKAGE} {__version__}", _listed(lacking), f"pip install --upgrade {PACKAGE}")
    else:
        tell.ok(f"{PACKAGE} {__version__}", f"with the {len(REQUIRED)} packages that it needs")
    found = {extra: tuple(missing_of(wanted)) for extra, wanted in EXTRAS.items()}
    whole = [extra for extra, missing in found.items() if not missing]
    if whole:
        tell.ok("extras", ", ".join(whole))
    for extra, missing in found.items():
        if missing and extra not in OPT_IN:
            _tell_extra(tell, extra, missing)
    unused = [extra for extra in OPT_IN if found[extra]]
    if unused:
        features = "; ".join(f"{extra} for {FEATURES[extra]}" for extra in unused)
        tell.absent("extras for who wants them", features, f"pip install '{PACKAGE}[{','.join(unused)}]'")


def _tell_python(tell: Tell) -> None:
    seen = f"{platform.python_version()} ({sys.executable or 'embedded'})"
    if sys.version_info[:2] > NEWEST_TESTED:
        newest = ".".join(map(str, NEWEST_TESTED))
        tell.warning("Python", f"{seen} is newer than what this was tested with", f"use Python 3.11 to {newest}")
    else:
        tell.ok("Python", seen)


def _tell_extra(tell: Tell, extra: str, missing: tuple[Missing, ...]) -> None:
    do = f"for {FEATURES[extra]}: pip install '{PACKAGE}[{extra}]'"
    if any(item.seen for item in missing):
        tell.warning(f"extra {extra}", _listed(missing), do, code="too_old")
    else:
        tell.absent(f"extra {extra}", _listed(missing), do)


def missing_of(wanted: Iterable[tuple[str, str]]) -> Iterator[Missing]:
    """Those that are not installed, or too old."""
    for name, oldest in wanted:
        try:
            seen = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Missing(name, oldest)
            continue
        if seen and numbers(seen) < numbers(oldest):
            yield Missing(name, oldest, seen)


def numbers(version: str) -> tuple[int, ...]:
    """The release of a version, as numbers that compare: "2.12.0rc1" is (2, 12, 0)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def _listed(missing: Iterable[Missing]) -> str:
    return ", ".join(map(str, missing))


check = Check(name="Python", run=run)
