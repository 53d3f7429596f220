"""The cause chain of a hypothesis as a small graph, ready to be drawn: from the root cause to its symptoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubeagentix.domain.diagnosis import Diagnosis, Finding, Hypothesis, ResourceRef, Severity

MAX_NODES = 12  # what still reads at a glance; the rest is in the table of findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step: a finding, or a root that no finding is about (an object that does not exist; no reason then)."""

    ref: ResourceRef
    reason: str
    title: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """`nodes` root first; `edges` are (cause, effect) positions in it; `hidden` is how many findings were left out."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    hidden: int = 0

    @property
    def depths(self) -> tuple[int, ...]:
        """How far each node is from a cause that has none, in steps; 0 where nothing leads to it."""
        effects = {effect for _, effect in self.edges}
        depths = {node: 0 for node in range(len(self.nodes)) if node not in effects}
        if not depths and self.nodes:
            depths[0] = 0  # a cycle: start anywhere
        frontier = list(depths)
        for node in frontier:
            for cause, effect in self.edges:
                if cause == node and effect not in depths:
                    depths[effect] = depths[node] + 1
                    frontier.append(effect)
        return tuple(depths.get(node, 0) for node in range(len(self.nodes)))

    def walk(self) -> Iterator[tuple[Node, int]]:
        """Every node once with its indent, each effect below the first of its causes, as in a tree."""
        seen: set[int] = set()
        stack = [(node, 0) for node in reversed(range(len(self.nodes))) if self.depths[node] == 0]
        while stack:
            node, indent = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            yield self.nodes[node], indent
            effects = [effect for cause, effect in self.edges if cause == node]
            stack += [(effect, indent + 1) for effect in reversed(effects)]


def chain_of(diagnosis: Diagnosis, hypothesis: Hypothesis, max_nodes: int = MAX_NODES) -> Chain:
    """The chain of one hypothesis; findings that the diagnosis does not hold are passed over."""
    findings = findings_of(diagnosis, hypothesis)
    shown = findings[:max_nodes]
    nodes = tuple(Node(ref=item.ref, reason=item.reason, title=item.title, severity=item.severity) for item in shown)
    edges = _edges(shown)
    if shown and all(item.ref != hypothesis.root for item in findings):
        severity = max((item.severity for item in findings), key=lambda severity: severity.rank)
        nodes = (Node(ref=hypothesis.root, reason="", title=hypothesis.title, severity=severity), *nodes)
        effects = {effect for _, effect in edges}
        edges = tuple((0, place + 1) for place in range(len(shown)) if place not in effects) + tuple(
            (cause + 1, effect + 1) for cause, effect in edges
        )
    return Chain(nodes=nodes, edges=edges, hidden=len(findings) - len(shown))


def _edges(findings: tuple[Finding, ...]) -> tuple[tuple[int, int], ...]:
    places = {finding.id: place for place, finding in enumerate(findings)}
    return tuple(
        (places[cause], effect)
        for effect, finding in enumerate(findings)
        for cause in dict.fromkeys(finding.caused_by)
        if cause in places and cause != finding.id
    )


def findings_of(diagnosis: Diagnosis, hypothesis: Hypothesis) -> tuple[Finding, ...]:
    """The findings of a hypothesis, the root's own first, each once."""
    return diagnosis.known(hypothesis.findings)
