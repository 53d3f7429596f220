"""Analyzers of one's own: defined in a notebook cell or a script, or handed over by an installed package.

`@analyzer` puts a function among the analyzers of every further run; to define it again replaces it. A package names
what to load in the entry point group `kubeagentix.analyzers`: a function, decorated or not, or a module that defines
some. Packages are looked for at each run, so that one that was just installed counts; one that cannot be loaded is a
Gap that names it.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar, overload

from kubeagentix import registry
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Gap
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import KubeAgentiXError, NotFoundError, UsageError, excerpt
from kubeagentix.packages import load_new, package_of, source_of

GROUP = "kubeagentix.analyzers"
Check = Callable[[Snapshot], Iterable[Finding]]
C = TypeVar("C", bound=Check)

_own: dict[str, AnalyzerPlugin] = {}
_loaded: set[tuple[str, str]] = set()  # entry points, by name and value
_loading: list[str] = []  # the package whose entry point is being loaded, if any


@overload
def analyzer(check: C, /) -> C: ...
@overload
def analyzer(*, id: str = "", title: str = "", is_lint: bool = False) -> Callable[[C], C]: ...
def analyzer(check: Any = None, /, *, id: str = "", title: str = "", is_lint: bool = False) -> Any:  # noqa: A002
    """Decorates a function from a Snapshot to findings: it takes part in every further run, and stays callable.

    `id` (default: the function's name) goes into its findings and into rules to ignore them; `is_lint`: it runs only
    with `--lint`, and gives advice only. Raises UsageError if the function cannot be one, or the id is another's.
    """

    def decorate(decorated: C) -> C:
        return _registered(decorated, id, title, is_lint=is_lint)

    return decorate if check is None else decorate(check)


def _registered(check: C, name: str, title: str, *, is_lint: bool) -> C:
    _require_check(check)
    key = name or check.__name__.replace("_", "-").strip("-")
    lines = (inspect.getdoc(check) or "").splitlines()
    plugin = AnalyzerPlugin(
        id=key,
        title=title or (lines[0] if lines else key),
        analyze=check,
        is_lint=is_lint,
        source=_loading[-1] if _loading else source_of(check),
    )
    if key in registry.analyzers():
        raise UsageError(f"analyzer {key!r} is built in", hint='name yours otherwise, as in @kx.analyzer(id="…")')
    known = _own.get(key)
    if known is not None and known.analyze.__module__ != check.__module__:
        hint = f"give it another id=, or kx.analyzers.remove({key!r}) first"
        raise UsageError(f"there is an analyzer {key!r} already, of {known.source}", hint=hint)
    _own[key] = plugin
    return check


def _require_check(check: object) -> None:
    if not inspect.isroutine(check):
        hint = "write @kx.analyzer, or @kx.analyzer(id=…), above def my_check(snapshot): …"
        raise UsageError(f"an analyzer is a function, not {type(check).__name__}", hint=hint)
    name = getattr(check, "__name__", "it")
    if inspect.iscoroutinefunction(check) or inspect.isasyncgenfunction(check):
        raise UsageError(f"analyzer {name} is async", hint="def will do: the snapshot is all there")
    try:
        inspect.signature(check).bind(object())
    except (TypeError, ValueError):
        what = f"analyzer {name} cannot be called with a snapshot alone"
        raise UsageError(what, hint=f"as in def {name}(snapshot): …") from None


class Analyzers(Mapping[str, AnalyzerPlugin]):
    """`kx.analyzers`: all analyzers by id, the built-in ones and one's own."""

    def __getitem__(self, key: str) -> AnalyzerPlugin:
        return _all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_all())

    def __len__(self) -> int:
        return len(_all())

    def items(self) -> ItemsView[str, AnalyzerPlugin]:
        """All of them, looked up once."""
        return _all().items()

    @property
    def own(self) -> dict[str, str]:
        """The ids of one's own analyzers, each with where it comes from."""
        load_packages()
        return {key: plugin.source for key, plugin in sorted(_own.items())}

    def remove(self, which: str | Check) -> None:
        """Takes an analyzer of one's own out of further runs, by its id or as the function. Raises NotFoundError."""
        load_packages()
        keys = [key for key, plugin in _own.items() if which in (key, plugin.analyze)]
        if not keys:
            raise _unknown(which)
        for key in keys:
            del _own[key]

    def __repr__(self) -> str:
        own = self.own
        lines = [f"<{len(self)} analyzers, {len(own)} of your own>"]
        return "\n".join([*lines, *(f"  {key}: {_own[key].title} ({source})" for key, source in own.items())])


def _unknown(which: str | Check) -> KubeAgentiXError:
    if isinstance(which, str) and which in registry.analyzers():
        return UsageError(f"analyzer {which!r} is built in", hint=f"ignore its findings: ignore=['analyzer={which}']")
    name = which if isinstance(which, str) else getattr(which, "__name__", repr(which))
    near = difflib.get_close_matches(name.replace("_", "-"), _own, n=1)
    known = f"your own are {', '.join(sorted(_own))}" if _own else "there are none"
    hint = f"did you mean {near[0]}?" if near else known
    return NotFoundError(f"no analyzer of your own is called {excerpt(name, 60)!r}", hint=hint)


def _all() -> dict[str, AnalyzerPlugin]:
    load_packages()
    return {**registry.analyzers(), **dict(sorted(_own.items()))}


def own_analyzers() -> tuple[AnalyzerPlugin, ...]:
    """One's own analyzers, those of packages as far as they are loaded, in order of id."""
    return tuple(_own[key] for key in sorted(_own))


def load_packages() -> tuple[Gap, ...]:
    """Loads what installed packages hand over and is not loaded yet; the Gaps of those that cannot be."""
    return load_new(GROUP, "analyzer", _loaded, _load)


def _load(point: EntryPoint) -> None:
    """Raises whatever the package raises, or UsageError if it hands over no analyzer."""
    _loading.append(package_of(point))
    try:
        loaded = point.load()
        if isinstance(loaded, ModuleType):
            _require_some(loaded)
        elif isinstance(loaded, AnalyzerPlugin):
            _registered(loaded.analyze, loaded.id, loaded.title, is_lint=loaded.is_lint)
        elif all(loaded is not plugin.analyze for plugin in _own.values()):
            _registered(loaded, point.name, "", is_lint=False)
    finally:
        _loading.pop()


def _require_some(module: ModuleType) -> None:
    here = (plugin for plugin in _own.values() if plugin.source == _loading[-1])
    if not any(here) and not any(plugin.analyze.__module__ == module.__name__ for plugin in _own.values()):
        raise UsageError(f"module {module.__name__} decorates no function with @kx.analyzer")


analyzers = Analyzers()
