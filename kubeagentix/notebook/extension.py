"""`%load_ext kubeagentix`: hands the magics to a shell, and takes them back. Quiet, quick, and as often as asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from IPython.core.magic import no_var_expand

from kubeagentix import registry
from kubeagentix.contracts import MagicPlugin
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.notebook import reports
from kubeagentix.notebook.awaiting import Rewriter
from kubeagentix.notebook.calling import call, parser_of
from kubeagentix.notebook.choice import choose_for
from kubeagentix.notebook.completion import matcher_for
from kubeagentix.notebook.reporting import Reporter, show_in_one_line


class _Loaded:
    """What one shell was given."""

    def __init__(self, shell: Any, plugins: Mapping[str, MagicPlugin]) -> None:
        self._plugins = plugins
        choose_for(shell)  # `%config KubeAgentix`
        self._matcher = matcher_for(plugins, shell.user_ns)
        self._rewriter = Rewriter(shell, [name for name, plugin in plugins.items() if plugin.has_cell])
        self._rewriter.attach()
        self._reporter = Reporter(shell)
        self._reporter.attach()
        reports.attach(shell)
        shell.Completer.custom_matchers.append(self._matcher)
        for plugin in plugins.values():
            function = _function(shell, plugin)
            shell.register_magic_function(function, magic_kind="line", magic_name=plugin.id)
            if plugin.has_cell:
                shell.register_magic_function(function, magic_kind="cell", magic_name=plugin.id)

    def take_back(self, shell: Any) -> None:
        self._rewriter.detach()
        self._reporter.detach()
        reports.detach(shell)
        shell.Completer.custom_matchers.remove(self._matcher)
        for kind in ("line", "cell"):
            for name in self._plugins:
                shell.magics_manager.magics[kind].pop(name, None)


_loaded: WeakKeyDictionary[Any, _Loaded] = WeakKeyDictionary()


def load(shell: Any) -> None:
    """Registers every magic in `shell`; doing so again changes nothing. Raises UsageError for a wrong configuration."""
    if shell in _loaded:
        return
    try:
        _loaded[shell] = _Loaded(shell, registry.magics())
    except KubeAgentiXError as error:  # of ipython_config.py
        show_in_one_line(error)
        raise


def unload(shell: Any) -> None:
    """Takes the magics away again."""
    loaded = _loaded.pop(shell, None)
    if loaded is not None:
        loaded.take_back(shell)


def _function(shell: Any, plugin: MagicPlugin) -> Callable[..., Any]:
    @no_var_expand  # braces and dollars belong to the user's words
    def magic(line: str, cell: str | None = None) -> Any:
        return call(plugin, line, cell, shell.user_ns)

    magic.__doc__ = parser_of(plugin).format_help()
    magic.__name__ = magic.__qualname__ = plugin.id
    return magic
