"""Tools of one's own: a typed function becomes one with a decorator.

`@tool` offers a function to the model in every further run; to define it again replaces it. Its annotations become the
JSON Schema of its parameters, its docstring tells the model what it does and what each parameter is. It may be async;
a plain one runs on a thread. A parameter annotated ToolContext gets the run's context and is not the model's.

A package names what to load in the entry point group `kubeagentix.tools`: a function, decorated or not, or a module
that decorates some. One that cannot be loaded is a Gap that names it, and tried again at the next look.

`tools.add_mcp` brings those of an MCP server: as tools of one's own they are masked, bounded, fenced and approved.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
import threading
import typing
from collections.abc import Awaitable, Callable, ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar, overload

import msgspec

from kubeagentix import registry, sync
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Effect, Gap
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import KubeAgentiXError, NotFoundError, UsageError, excerpt
from kubeagentix.mcp_client.connection import Connection
from kubeagentix.mcp_client.offers import Offer, offers_of
from kubeagentix.mcp_client.places import Place
from kubeagentix.packages import load_new, package_of, source_of

F = TypeVar("F", bound=Callable[..., Any])
GROUP = "kubeagentix.tools"

_own: dict[str, ToolPlugin] = {}
_functions: dict[str, Callable[..., Any]] = {}
_servers: dict[str, Connection] = {}  # the user's MCP servers, by name
_adding = threading.Lock()  # two threads that add one of the same name leave one of them
_loaded: set[tuple[str, str]] = set()  # entry points, by name and value
_loading: list[str] = []  # the package whose entry point is being loaded, if any
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")  # what every model's API takes for a name
_EXAMPLE = 'def owner_of(namespace: str) -> str: """Who owns a namespace."""'


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *, name: str = "", description: str = "", effect: Effect = "read", timeout_s: float = 30.0
) -> Callable[[F], F]: ...
def tool(
    function: Any = None,
    /,
    *,
    name: str = "",
    description: str = "",
    effect: Effect = "read",
    timeout_s: float = 30.0,
) -> Any:
    """Decorates a typed function: models may call it in every further run, and it stays callable.

    `effect="write"` for one that changes something: it runs only where writes are allowed. What it returns is told to
    the model, a text as it is and anything else as JSON; a ToolOutput may bring evidence to cite. Raises UsageError if
    the function cannot be one, or the name is another's.
    """

    def decorate(decorated: F) -> F:
        _register(decorated, name, description, effect, timeout_s)
        return decorated

    return decorate if function is None else decorate(function)


def _register(function: Callable[..., Any], name: str, description: str, effect: Effect, timeout_s: float) -> None:
    if not inspect.isroutine(function):
        raise UsageError(f"a tool is a function, not {type(function).__name__}", hint=f"as in @kx.tool {_EXAMPLE}")
    key = name or function.__name__
    if not _NAME.fullmatch(key):
        raise UsageError(f"{excerpt(key, 60)!r} is no name for a tool", hint='as in @kx.tool(name="owner_of")')
    if key.replace("_", "-") in registry.tools():
        raise UsageError(f"tool {key!r} is built in", hint='name yours otherwise, as in @kx.tool(name="…")')
    known = _functions.get(key)
    if known is not None and known.__module__ != function.__module__:
        hint = f"give it another name=, or kx.tools.remove({key!r}) first"
        raise UsageError(f"there is a tool {key!r} already, of {_own[key].source}", hint=hint)
    _own[key] = _plugin(function, key, description, effect, timeout_s)
    _functions[key] = function


def _plugin(function: Callable[..., Any], key: str, description: str, effect: Effect, timeout_s: float) -> ToolPlugin:
    hints = _hints(function, key)
    told, of_parameters = read_docstring(inspect.getdoc(function) or "")
    description = description or told
    if not description:
        raise UsageError(f"tool {key} has no docstring: the model would not know what it is for", hint=_EXAMPLE)
    context_name = next((name for name, hint in hints.items() if hint is ToolContext), "")
    types = {name: hint for name, hint in hints.items() if name != context_name}
    spec = ToolSpec(
        name=key,
        description=description,
        parameters=_schema(function, key, types, of_parameters),
        effect=effect,
        timeout_s=timeout_s,
    )

    async def handler(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        words = {name: _converted(key, name, value, types[name]) for name, value in arguments.items()}
        if context_name:
            words[context_name] = context
        if inspect.iscoroutinefunction(function):
            return _output(await function(**words))
        found = await sync.on_a_thread(partial(function, **words))
        return _output(await found if isinstance(found, Awaitable) else found)

    return ToolPlugin(spec=spec, handler=handler, source=_loading[-1] if _loading else source_of(function))


def _hints(function: Callable[..., Any], key: str) -> dict[str, Any]:
    """The annotation of every parameter. Raises UsageError for one that has none."""
    try:
        found = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(f"tool {key} has an annotation that is not defined: {error}", hint=_EXAMPLE) from error
    parameters = inspect.signature(function).parameters.values()
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise UsageError(f"parameter {parameter.name} of tool {key} has no name for a model", hint=_EXAMPLE)
        if parameter.name not in found:
            hint = f"as in def {key}({parameter.name}: str): …"
            raise UsageError(f"parameter {parameter.name} of tool {key} has no type", hint=hint)
    return {parameter.name: found[parameter.name] for parameter in parameters}


def _schema(
    function: Callable[..., Any], key: str, types: Mapping[str, Any], told: Mapping[str, str]
) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in types:
            continue
        try:
            (schema,), found = msgspec.json.schema_components([types[name]], ref_template="#/$defs/{name}")
        except TypeError as error:
            what = f"parameter {name} of tool {key} has a type that no JSON stands for: {excerpt(str(error), 120)}"
            raise UsageError(what, hint="take str, int, float, bool, list, dict, Literal or a dataclass") from error
        definitions.update(found)
        words = told.get(name) or _annotated_words(types[name])
        properties[name] = {**schema, **({"description": words} if words else {})}
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            properties[name]["default"] = msgspec.to_builtins(parameter.default)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**schema, "$defs": definitions} if definitions else schema


def _annotated_words(hint: Any) -> str:
    """The text of `Annotated[str, "text"]`."""
    return next((item for item in getattr(hint, "__metadata__", ()) if isinstance(item, str)), "")


_SECTION = re.compile(r"(?:Args|Arguments|Parameters):?\s*$")
_END = re.compile(r"(?:Returns|Raises|Yields|Examples?|Notes?|Source):?")
_SPHINX = re.compile(r":param\s+(?:[\w\[\], .]+\s)?(\w+):\s*(.*)")
_GOOGLE = re.compile(r"(\w+)\s*(?:\([^)]*\))?\s*:\s+(\S.*)")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """(what a function does, what each parameter is) of a docstring with `Args:`, or with `:param name:` lines."""
    summary: list[str] = []
    told: dict[str, str] = {}
    is_section, last = False, ""
    for line in text.splitlines():
        bare = line.strip()
        match = _SPHINX.fullmatch(bare) or (_GOOGLE.fullmatch(bare) if is_section else None)
        if _SECTION.fullmatch(bare):
            is_section, last = True, ""
        elif match:
            last, told[match[1]] = match[1], match[2]
        elif (is_section or last) and _END.match(bare):
            break
        elif is_section or last:
            if bare and last:
                told[last] = f"{told[last]} {bare}".strip()
        else:
            summary.append(bare)
    return "\n".join(summary).strip(), told


def _converted(key: str, name: str, value: Any, hint: Any) -> Any:
    try:
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"`{name}` of {key}: {excerpt(str(error), 160)}") from error


def _output(found: Any) -> ToolOutput:
    if isinstance(found, ToolOutput):
        return found
    if found is None or isinstance(found, str):
        return ToolOutput(text=found or "(nothing)", data=found)
    data = msgspec.to_builtins(found, enc_hook=str)
    return ToolOutput(text=json.dumps(data, ensure_ascii=False), data=data)


class Tools(Mapping[str, ToolPlugin]):
    """`kx.tools`: all tools by name, the built-in ones and one's own."""

    def __getitem__(self, key: str) -> ToolPlugin:
        return _all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_all())

    def __len__(self) -> int:
        return len(_all())

    def items(self) -> ItemsView[str, ToolPlugin]:
        """All of them, looked up once."""
        return _all().items()

    @property
    def own(self) -> dict[str, str]:
        """The names of one's own tools, each with where it comes from."""
        load_packages()
        return {key: plugin.source for key, plugin in sorted(_own.items())}

    def add_mcp(
        self,
        name: str,
        command: str = "",
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        url: str = "",
        headers: Mapping[str, str] | None = None,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        timeout_s: float = 30.0,
    ) -> McpServer:
        """Brings the tools of an MCP server into every further run, as `name__tool`; again, it replaces them.

        A `command` with its `args` is started with `env` and none of this process' credentials, and ends with it; a
        `url` is asked with `headers`. `allow` and `deny` are patterns of the server's own names. A tool that the server
        does not say only reads is one that changes something: offered where writes are allowed, and approved each time.
        Raises UsageError, and KubeAgentiXError where the server does not answer.
        """
        allow, deny = _texts("allow", allow), _texts("deny", deny)
        place = Place(name=name, command=command, args=args, env=env or {}, url=url, headers=headers or {})
        connection = Connection(place, timeout_s)
        listed = connection.open()
        try:
            taken, refused = offers_of(name, listed, allow=allow, deny=deny, timeout_s=timeout_s)
        except BaseException:
            connection.close()
            raise
        with _adding:
            if name in _servers:
                _remove_server(name)
            _servers[name] = connection
            _own.update({offer.spec.name: _of_server(connection, offer) for offer in taken})
        return McpServer(name=name, tools=tuple(offer.spec.name for offer in taken), left_out=tuple(refused))

    def remove(self, which: str | Callable[..., Any]) -> None:
        """Takes a tool of one's own out of further runs, by its name or as the function; an MCP server by its name.

        Raises NotFoundError.
        """
        load_packages()
        if isinstance(which, str) and which in _servers:
            _remove_server(which)
            return
        keys = [key for key in _own if which in (key, _functions.get(key))]
        if not keys:
            raise _unknown(which)
        for key in keys:
            del _own[key]
            _functions.pop(key, None)

    def __repr__(self) -> str:
        lines = [f"<{len(self)} tools, {len(self.own)} of your own>"]
        for key, plugin in self.items():
            words = plugin.spec.description.split("\n")[0]
            lines.append(f"  {key}: {words}{f' ({plugin.source})' if plugin.source else ''}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """What an MCP server brought: the names of its tools here, and why others were left out."""

    name: str
    tools: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [f"<MCP server {self.name}: {len(self.tools)} tools>", *(f"  {name}" for name in self.tools)]
        return "\n".join([*lines, *(f"  left out: {line}" for line in self.left_out)])


def _texts(name: str, given: Sequence[str]) -> Sequence[str]:
    if isinstance(given, str) or not all(isinstance(item, str) for item in given):
        raise UsageError(f"{name}= takes patterns of names", hint=f'as in {name}=("search_*",)')
    return given


def _of_server(connection: Connection, offer: Offer) -> ToolPlugin:
    async def handler(arguments: Mapping[str, Any], _: ToolContext) -> ToolOutput:
        return await connection.call(offer.name, arguments)

    return ToolPlugin(spec=offer.spec, handler=handler, source=_source(connection.place.name))


def _source(server: str) -> str:
    return f"MCP server {server}"


def _remove_server(name: str) -> None:
    for key in [key for key, plugin in _own.items() if plugin.source == _source(name)]:
        del _own[key]
    _servers.pop(name).close()


def _unknown(which: str | Callable[..., Any]) -> KubeAgentiXError:
    name = which if isinstance(which, str) else getattr(which, "__name__", repr(which))
    if isinstance(which, str) and which in _all():
        return UsageError(f"tool {which!r} is built in", hint="deny it to a run: tools_denied=…")
    near = difflib.get_close_matches(name, _own, n=1)
    known = f"your own are {', '.join(sorted(_own))}" if _own else "there are none"
    hint = f"did you mean {near[0]}?" if near else known
    return NotFoundError(f"no tool of your own is called {excerpt(name, 60)!r}", hint=hint)


def _all() -> dict[str, ToolPlugin]:
    load_packages()
    built_in = {plugin.spec.name: plugin for plugin in registry.tools().values()}
    return {**built_in, **dict(sorted(_own.items()))}


def load_packages() -> tuple[Gap, ...]:
    """Loads what installed packages hand over and is not loaded yet; the Gaps of those that cannot be."""
    return load_new(GROUP, "tool", _loaded, _load)


def _load(point: EntryPoint) -> None:
    """Raises whatever the package raises, or UsageError if it hands over no tool."""
    _loading.append(package_of(point))
    try:
        loaded = point.load()
        if isinstance(loaded, ModuleType):
            if not any(function.__module__ == loaded.__name__ for function in _functions.values()):
                raise UsageError(f"module {loaded.__name__} decorates no function with @kx.tool")
        elif all(loaded is not function for function in _functions.values()):
            _register(loaded, point.name.replace("-", "_"), "", "read", 30.0)
    finally:
        _loading.pop()


tools = Tools()
