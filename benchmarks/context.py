"""What a diagnosis costs in context: characters that tools send to a model, against raw kubectl for the same objects.

Per demo scenario with a fault, twice. *Same objects*: `describe_resource` and `pod_logs` of the root objects, against
`kubectl get -o yaml`, `describe` and all logs of these and their pods. *Diagnosis*: the same with `run_quickdx` of the
namespace before, against the raw text of every object that its answer speaks of, the roots and what they lead to. Each
tool's answer is made to fit as the engine does it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import kubeagentix as kx
from kubeagentix import registry, sync
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import Diagnosis, ResourceRef, Target
from kubeagentix.own_tools import tools
from kubeagentix.quickdx import pipeline
from kubeagentix.toolkit.arguments import check
from kubeagentix.toolkit.reducing import fit

KUBECTL = Path(sys.executable).parent / "kubectl"
PODS = 3  # of a workload, so many are looked at raw; a person would look at one or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Characters of one scenario."""

    scenario: str
    root_raw: int
    root_tools: int
    raw: int
    tools: int

    @property
    def root_ratio(self) -> float:
        """How many times less the tools say of the root objects."""
        return self.root_raw / max(1, self.root_tools)

    @property
    def ratio(self) -> float:
        """How many times less a diagnosis sends."""
        return self.raw / self.tools


class _NoResults:
    def get(self, _: str) -> str | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="only these (default: every scenario with a fault)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted = options.scenarios or [item.id for item in registry.scenarios().values() if not item.is_healthy]
    rows = [row for name in wanted if (row := measure(name)) is not None]
    medians = {
        "same_objects": round(statistics.median(row.root_ratio for row in rows), 1),
        "diagnosis": round(statistics.median(row.ratio for row in rows), 1),
    }
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "median_ratios": medians}))
        return
    print(f"{'':34} {'same objects':^22}   {'diagnosis':^22}")
    print(f"{'scenario':34} {'raw':>8} {'tools':>7} {'ratio':>5}   {'raw':>8} {'tools':>7} {'ratio':>5}")
    for row in rows:
        same = f"{row.root_raw:8,} {row.root_tools:7,} {row.root_ratio:5.1f}"
        print(f"{row.scenario:34} {same}   {row.raw:8,} {row.tools:7,} {row.ratio:5.1f}")
    print(f"median of {len(rows)} scenarios: {medians['same_objects']} and {medians['diagnosis']} times less")


def measure(scenario: str) -> Row | None:
    """The scenario in a cluster of its own; None where no root is an object that kubectl knows."""
    namespace = registry.scenarios()[scenario].namespace
    with kx.demo(scenario) as demo:
        diagnosis = kx.diagnose(cluster=demo, namespace=namespace)
        refs = [diagnosis.finding(key).ref for item in diagnosis.hypotheses for key in item.findings]
        snapshot = kx.take_snapshot(demo)
        roots = _there(snapshot, [item.root for item in diagnosis.hypotheses])
        if not roots:
            return None
        quick, *others = sync.run(_answers(demo, namespace, roots))
        root_tools = sum(map(len, others))
        return Row(
            scenario=scenario,
            root_raw=sum(map(len, _raw(demo, snapshot, roots))),
            root_tools=root_tools,
            raw=sum(map(len, _raw(demo, snapshot, _there(snapshot, [*roots, *refs])))),
            tools=root_tools + len(quick),
        )


def _there(snapshot: kx.Snapshot, refs: Iterable[ResourceRef]) -> list[ResourceRef]:
    """The objects that exist, each once."""
    return [ref for ref in dict.fromkeys(refs) if snapshot.find(ref) is not None]


async def _answers(demo: kx.Demo, namespace: str, roots: list[ResourceRef]) -> list[str]:
    async def diagnose(target: Target) -> Diagnosis:
        return await pipeline.run(demo.cluster, target)

    context = ToolContext(
        source=demo.cluster, namespace=namespace, diagnose=diagnose, results=_NoResults(), environ=os.environ
    )
    calls: list[tuple[str, Mapping[str, Any]]] = [("run_quickdx", {})]
    for ref in roots:
        place = {"namespace": ref.namespace} if ref.namespace else {}
        calls.append(("describe_resource", {"kind": ref.kind, "name": ref.name, **place}))
        if ref.kind in ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
            calls.append(("pod_logs", {"pod": f"{ref.kind}/{ref.name}", **place}))
    return list(await asyncio.gather(*(_answer(context, name, arguments) for name, arguments in calls)))


async def _answer(context: ToolContext, name: str, arguments: Mapping[str, Any]) -> str:
    plugin = tools[name]
    try:
        output = await plugin.handler(check(plugin.spec, arguments), context)
    except kx.KubeAgentiXError as error:
        return str(error)
    return fit(output, plugin.spec.max_chars, "r1")[0]


def _raw(demo: kx.Demo, snapshot: kx.Snapshot, roots: list[ResourceRef]) -> Iterator[str]:
    pods = [snapshot.ref(pod) for ref in roots for pod in snapshot.pods_of(ref)[:PODS]]
    for ref in dict.fromkeys((*roots, *pods)):
        yield _kubectl(demo, "get", ref, "-o", "yaml")
        yield _kubectl(demo, "describe", ref)
        if ref.kind == "Pod":
            yield _kubectl(demo, "logs", ref, "--all-containers")
            yield _kubectl(demo, "logs", ref, "--all-containers", "--previous")


def _kubectl(demo: kx.Demo, verb: str, ref: ResourceRef, *words: str) -> str:
    place = ("-n", ref.namespace) if ref.namespace else ()
    command = [str(KUBECTL), f"--kubeconfig={demo.kubeconfig}", verb, f"{ref.kind}/{ref.name}", *place, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    main()
