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


def load_family(package: str, record: type[P]) -> Mapping[str, P]:
    """The plugins of `package` by id, in order of id. Raises RegistryError, naming the file at fault."""
    found: dict[str, P] = {}
    folder = importlib.import_module(package)
    for module_info in sorted(pkgutil.iter_modules(folder.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package}.{module_info.name}")
        plugin = getattr(module, "plugin", None)
        if not isinstance(plugin, record):
            raise RegistryError(
                f"{module.__name__} assigns no {record.__name__} to `plugin`",
                hint="a family's folder holds nothing but plugins; move helpers out of it",
            )
        if plugin.id not in (module_info.name, module_info.name.replace("_", "-")):
            raise RegistryError(f"{module.__name__} has id {plugin.id!r}; a plugin's id is its file's name")
        found[plugin.id] = plugin
    return MappingProxyType(found)


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
    return load_family("kubeagentix.cli.commands", CommandPlugin)


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
