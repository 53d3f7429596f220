"""Finds the plugins of a family: every module of the folder hands over one record named `plugin`.

Nothing is listed by hand, so dropping a file in makes it live. A file whose id is not its name, that holds no
plugin, or that shares its id with another, is refused with the files' names.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TypeVar

from kubeagentix.contracts import (
    AnalyzerPlugin,
    CommandPlugin,
    ExporterPlugin,
    MagicPlugin,
    Plugin,
    ProviderPlugin,
    ScenarioPlugin,
    ToolPlugin,
)
from kubeagentix.errors import RegistryError

P = TypeVar("P", bound=Plugin)

_COMMANDS = "kubeagentix.cli.commands"


def load_family(package: str, record: type[P]) -> Mapping[str, P]:
    """The plugins of `package` by id, in order of id. Raises RegistryError, naming the file at fault."""
    plugins = (load_plugin(package, name, record) for name in _file_names(package))
    return MappingProxyType({plugin.id: plugin for plugin in plugins})


def load_plugin(package: str, name: str, record: type[P]) -> P:
    """The plugin of that file in `package`, without loading the others. Raises RegistryError, naming the file."""
    module = importlib.import_module(f"{package}.{name}")
    plugin = getattr(module, "plugin", None)
    if not isinstance(plugin, record):
        raise RegistryError(
            f"{module.__name__} assigns no {record.__name__} to `plugin`",
            hint="a family's folder holds nothing but plugins; move helpers out of it",
        )
    if plugin.id not in (name, name.replace("_", "-")):
        raise RegistryError(f"{module.__name__} has id {plugin.id!r}; a plugin's id is its file's name")
    return plugin


def _file_names(package: str) -> list[str]:
    folder = importlib.import_module(package)
    return sorted(info.name for info in pkgutil.iter_modules(folder.__path__))


@cache
def analyzers() -> Mapping[str, AnalyzerPlugin]:
    """The analyzers by id."""
    return load_family("kubeagentix.analyzers", AnalyzerPlugin)


@cache
def exporters() -> Mapping[str, ExporterPlugin]:
    """The export formats by id."""
    return load_family("kubeagentix.exporters", ExporterPlugin)


@cache
def commands() -> Mapping[str, CommandPlugin]:
    """The subcommands by name."""
    return load_family(_COMMANDS, CommandPlugin)


def command(name: str) -> CommandPlugin | None:
    """The subcommand of that name, loaded alone; None if there is none."""
    file_name = name.replace("-", "_")
    return load_plugin(_COMMANDS, file_name, CommandPlugin) if file_name in _file_names(_COMMANDS) else None


@cache
def magics() -> Mapping[str, MagicPlugin]:
    """The notebook magics by name."""
    return load_family("kubeagentix.notebook.magics", MagicPlugin)


@cache
def scenarios() -> Mapping[str, ScenarioPlugin]:
    """The demo scenarios by id."""
    return load_family("kubeagentix.demo.scenarios", ScenarioPlugin)


@cache
def providers() -> Mapping[str, ProviderPlugin]:
    """The providers by id."""
    return load_family("kubeagentix.providers", ProviderPlugin)


@cache
def tools() -> Mapping[str, ToolPlugin]:
    """The built-in tools by id."""
    return load_family("kubeagentix.tools", ToolPlugin)
