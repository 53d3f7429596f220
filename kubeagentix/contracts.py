"""Every seam on one page: what a plugin of each family hands over.

A family is a folder of plugins. A plugin file assigns one record of its family's type to `plugin`, whose id is
the file's name with dashes for underscores; the registry does the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubeagentix.domain.diagnosis import Diagnosis, Finding
from kubeagentix.domain.snapshot import Snapshot


class Plugin(Protocol):
    """What the registry needs of any plugin."""

    @property
    def id(self) -> str:
        """The file's name, with dashes for underscores."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzerPlugin:
    """A pure function from a snapshot to findings; `is_lint` ones run only on request and find only `info`.

    `source` says where an analyzer of the user's own comes from; it is empty for the built-in ones.
    """

    id: str
    title: str
    analyze: Callable[[Snapshot], Iterable[Finding]]
    is_lint: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterPlugin:
    """A function from a diagnosis to text."""

    id: str
    title: str
    media_type: str
    export: Callable[[Diagnosis], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlugin:
    """A subcommand of the `kubeagentix` program; `run` returns the exit code."""

    id: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MagicPlugin:
    """A notebook magic, `%id`. `call` gets the parsed options and the user's namespace; what it returns is displayed.

    It may return an awaitable, which is awaited where the cell can await and waited for where it cannot.
    `has_cell`: there is a `%%id` too, whose body holds further options, one line each, with `#` comments.
    """

    id: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    call: Callable[[argparse.Namespace, dict[str, Any]], Any | Awaitable[Any]]
    has_cell: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is really wrong in a demo scenario: the root object and the reason. Never served, only compared."""

    kind: str
    name: str
    reason: str
    namespace: str = ""  # empty: the scenario's own


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPlugin:
    """One fault (or one healthy workload: no truth) of the demo cluster; `build` adds its objects to a kit."""

    id: str
    title: str
    family: str
    namespace: str
    build: Callable[[Any], None]
    truths: tuple[Truth, ...] = field(default=())

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong here."""
        return not self.truths
