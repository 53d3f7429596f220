"""Every seam on one page: what a plugin of each family hands over.

A family is a folder of plugins. A plugin file assigns one record of its family's type to `plugin`, whose id is
the file's name, with dashes for underscores or as it is; the registry does the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # what loads a family need not load what its plugins are about
    from kubeagentix.domain.changes import Change
    from kubeagentix.domain.diagnosis import Diagnosis, Finding, Target
    from kubeagentix.domain.events import ModelEvent
    from kubeagentix.domain.requests import ModelRequest, Price, Readiness
    from kubeagentix.domain.rights import Right
    from kubeagentix.domain.secrets import Credential
    from kubeagentix.domain.snapshot import Snapshot
    from kubeagentix.domain.tooling import ToolOutput, ToolSpec


class Plugin(Protocol):
    """What the registry needs of any plugin."""

    @property
    def id(self) -> str:
        """The file's name, with dashes for underscores or as it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzerPlugin:
    """A pure function from a snapshot to findings; `is_lint` ones run only on request and find only `info`.

    `scope` is what a finding may be judged by, so that watch mode runs it anew on no more than that: "workload" for one
    that asks for all objects of a namespaced kind only to judge each of them, or each workload with its pods, and looks
    up anything else by name, namespace, labels, owner or `derived`; "namespace" for one that holds the objects of a
    namespace against each other. `source` says where an analyzer of the user's own comes from; it is empty for the
    built-in ones.
    """

    id: str
    title: str
    analyze: Callable[[Snapshot], Iterable[Finding]]
    is_lint: bool = False
    scope: Literal["workload", "namespace", "cluster"] = "cluster"
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
    `has_cell`: there is a `%%id` too, whose body holds further options, one line each, with `#` comments. With
    `takes_text` its body is no options but a text; `call` gets it as `arguments.text` (None: no body). `{{name}}` is a
    variable in either.
    """

    id: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    call: Callable[[argparse.Namespace, dict[str, Any]], Any | Awaitable[Any]]
    has_cell: bool = False
    takes_text: bool = False


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


class Provider(Protocol):
    """What asks a model. Keeps no state of a stream on itself: it may serve two at once."""

    def stream(self, request: ModelRequest, credential: Credential) -> AsyncIterator[ModelEvent]:
        """The events of one model call, the last a ModelFinished. Raises ProviderError and its kin.

        To close the iterator, or to cancel the task that reads it, ends the call and frees what it holds.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin:
    """A way to ask a model. `tool_calls` says how it asks for tools: by its API, in its client by MCP, by markup.

    `ready` is given the environment and a credential of the request (or None), and raises AuthenticationError where
    that credential can be seen to be wrong. `build` gets the environment; a request that brings its own credential
    uses nothing of the environment's. `extra`: what to install, as in `pip install 'kubeagentix[extra]'`. `prices` go
    by the beginning of a model's name.
    """

    id: str
    title: str
    default_model: str
    context_tokens: int
    tool_calls: Literal["native", "mcp", "markup", "none"]
    ready: Callable[[Mapping[str, str], Credential | None], Readiness]
    build: Callable[[Mapping[str, str]], Provider]
    extra: str = ""
    model_variables: tuple[str, ...] = ()  # of the environment, which name a model, first one first
    prices: Mapping[str, Price] = field(default_factory=dict)
    is_language_model: bool = True


class ResultStore(Protocol):
    """The whole of what tools answered in this run, where the model saw only a part."""

    def get(self, result_id: str) -> str | None:
        """The whole text of that result, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """What a tool may use: the cluster (or a saved picture of one), Quick Dx, earlier results. Never a credential.

    `namespace` is the one that is meant where the model names none (None: all).
    """

    source: Any  # a kubeagentix.cluster.connection.Cluster or a Snapshot
    namespace: str | None
    diagnose: Callable[[Target], Awaitable[Diagnosis]]
    results: ResultStore
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPlugin:
    """A tool: how it is offered, and what runs it. `handler` gets arguments that fit the schema.

    One that changes the cluster has `prepare` instead, which says what it would send and sends nothing; the engine
    asks, and makes the changes in their order. `rights` is what it asks of the API; roles are made of it. `source` says
    where a tool of the user's own comes from.
    """

    spec: ToolSpec
    handler: Callable[[Mapping[str, Any], ToolContext], Awaitable[ToolOutput]]
    rights: tuple[Right, ...] = ()
    prepare: Callable[[Mapping[str, Any], ToolContext], Awaitable[Sequence[Change]]] | None = None
    source: str = ""

    @property
    def id(self) -> str:
        """The tool's name."""
        return self.spec.name
