"""Quick Dx on pictures of whole clusters: silent while they are well, and at the root cause when they are not.

Each file of `clusters/` is one cluster of some distribution and version: the `objects` its API would give while all
is well, and `faults`, each a few objects changed (merged onto the healthy ones, or added), objects that are `gone`,
and `logs`. `ago 5m` in a file is the time five minutes before the picture is taken.
"""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.domain.diagnosis import Gap, Severity, Target
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import NOW, log_of, snapshot_of

Manifest = dict[str, Any]

FILES = {path.stem: path for path in sorted((Path(__file__).parent / "clusters").glob("*.yaml"))}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# What a user who may read only namespaced objects, and no Secrets, does not see.
FORBIDDEN = (*(kind.name for kind in KINDS.values() if not kind.is_namespaced), "Secret", "PodMetrics")


@cache
def read(name: str) -> Manifest:
    found: Manifest = _dated(yaml.safe_load(FILES[name].read_text()))
    return found


def _dated(value: Any) -> Any:
    """`value` with every `ago …` as the time that it means."""
    if isinstance(value, dict):
        return {key: _dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item) for item in value]
    match = re.fullmatch(r"ago (-?\d+)([smhd])", value) if isinstance(value, str) else None
    return f"{NOW - timedelta(**{UNITS[match[2]]: int(match[1])}):%Y-%m-%dT%H:%M:%SZ}" if match else value


def identity(manifest: Manifest) -> tuple[str, str, str]:
    kind, metadata = manifest["kind"], manifest["metadata"]
    is_namespaced = kind not in KINDS or KINDS[kind].is_namespaced
    return (kind, metadata.get("namespace", "default") if is_namespaced else "", metadata["name"])


def healthy(name: str) -> list[Manifest]:
    """The objects of a healthy cluster, of the kinds that are read."""
    objects = read(name)["objects"]
    assert len({identity(item) for item in objects}) == len(objects), "an object is there twice"
    return [item for item in objects if item["kind"] in KINDS]


def broken(name: str, fault: Manifest) -> list[Manifest]:
    objects = {identity(item): item for item in healthy(name)}
    for place in fault.get("gone", ()):
        kind, _, rest = place.partition(" ")
        namespace, _, own = rest.rpartition("/")
        del objects[(kind, namespace, own)]
    for change in fault.get("changes", ()):
        objects[identity(change)] = merged(objects.get(identity(change), {}), change)
    return list(objects.values())


def merged(onto: Any, change: Any) -> Any:
    """`change` laid over `onto`: mappings are merged, all else (lists too) is replaced."""
    if not isinstance(onto, dict) or not isinstance(change, dict):
        return deepcopy(change)
    return {**onto, **{key: merged(onto.get(key), item) for key, item in change.items()}}


def logs_of(fault: Manifest) -> list[ContainerLog]:
    return [
        log_of(item["pod"], item["container"], item["text"], previous=item.get("previous", False), namespace=place)
        for item in fault.get("logs", ())
        for place in (item["namespace"],)
    ]


def told(diagnosis: Diagnosis) -> list[str]:
    """The findings that count as unhealthy, worst first."""
    return [
        f"{item.severity.value} {item.ref} {item.reason}: {item.title}"
        for item in diagnosis.findings
        if item.severity is not Severity.INFO
    ]


def namespaces(name: str) -> list[str]:
    return sorted({place for _, place, _ in map(identity, healthy(name)) if place})


@pytest.mark.parametrize("name", FILES)
def test_a_healthy_cluster_is_silent(name: str) -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*healthy(name)), Target())
    assert [gap for gap in diagnosis.gaps if "analyzer" in gap.what] == []
    assert told(diagnosis) == []
    assert diagnosis.hypotheses == ()


@pytest.mark.parametrize("name", FILES)
def test_each_namespace_of_it_alone_is_silent(name: str) -> None:
    for namespace in namespaces(name):
        seen = [item for item in healthy(name) if identity(item)[1] in ("", namespace)]
        diagnosis = diagnose_snapshot(snapshot_of(*seen, namespace=namespace), Target(namespace=namespace))
        assert (namespace, told(diagnosis)) == (namespace, [])


@pytest.mark.parametrize("name", FILES)
def test_it_is_silent_to_a_user_of_few_rights(name: str) -> None:
    gaps = [Gap(what=f"{kind} objects", why="403 Forbidden", kind=kind) for kind in FORBIDDEN]
    for namespace in namespaces(name):
        if namespace.startswith("kube-"):
            continue  # those who work there may see the nodes
        seen = [item for item in healthy(name) if identity(item)[1] == namespace and item["kind"] not in FORBIDDEN]
        diagnosis = diagnose_snapshot(snapshot_of(*seen, namespace=namespace, gaps=gaps), Target(namespace=namespace))
        assert (namespace, told(diagnosis)) == (namespace, [])


def faults() -> list[Any]:
    return [
        pytest.param(name, fault, id=f"{name}-{key}") for name in FILES for key, fault in read(name)["faults"].items()
    ]


@pytest.mark.parametrize(("name", "fault"), faults())
def test_a_fault_is_the_first_hypothesis(name: str, fault: Manifest) -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*broken(name, fault), logs=logs_of(fault)), Target())
    assert diagnosis.hypotheses, f"nothing found; wanted {fault['truth']}"
    first = diagnosis.hypotheses[0]
    assert f"{first.root} {diagnosis.finding(first.findings[0]).reason}" == fault["truth"], told(diagnosis)


@pytest.mark.parametrize(("name", "fault"), faults())
def test_a_fault_is_one_hypothesis(name: str, fault: Manifest) -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*broken(name, fault), logs=logs_of(fault)), Target())
    assert len(diagnosis.hypotheses) == 1, told(diagnosis)
