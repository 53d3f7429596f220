"""A cluster and a tool to call on it, as an engine would: arguments checked, the handler awaited."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeagentix import sync
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import Diagnosis, Target
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.own_tools import tools
from kubeagentix.quickdx import pipeline
from kubeagentix.toolkit.arguments import check


@dataclass
class Results:
    """Earlier answers."""

    texts: dict[str, str] = field(default_factory=dict)

    def get(self, result_id: str) -> str | None:
        return self.texts.get(result_id)


@dataclass
class Lab:
    """Calls tools on a cluster or a picture; `namespace` is what the conversation is about."""

    source: Cluster | Snapshot
    namespace: str | None = None
    results: Results = field(default_factory=Results)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def context(self) -> ToolContext:
        return ToolContext(
            source=self.source,
            namespace=self.namespace,
            diagnose=self._diagnose,
            results=self.results,
            environ=self.environ,
        )

    async def _diagnose(self, target: Target) -> Diagnosis:
        return await pipeline.run(self.source, target)

    def call(self, tool: str, /, **arguments: Any) -> ToolOutput:
        plugin = tools[tool]
        return sync.run(self._called(plugin.handler, check(plugin.spec, arguments)))

    async def _called(self, handler: Any, arguments: Mapping[str, Any]) -> ToolOutput:
        output: ToolOutput = await handler(arguments, self.context)
        return output

    def text(self, tool: str, /, **arguments: Any) -> str:
        """The answer's text; every piece of evidence that it names must come with it."""
        output = self.call(tool, **arguments)
        for item in output.evidence:
            assert f"[{item.id}]" in output.text
        return output.text
