"""Pictures of whole clusters, as YAML: their objects while all is well, and what each of their faults changes.

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

import yaml

from kubeagentix.domain.resources import KINDS, custom_name, group_of, is_custom
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import NOW, log_of

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


def is_custom_resource(manifest: Manifest) -> bool:
    return is_custom(group_of(manifest.get("apiVersion", "")), manifest["kind"])


def identity(manifest: Manifest) -> tuple[str, str, str]:
    kind, metadata = manifest["kind"], manifest["metadata"]
    if is_custom_resource(manifest):
        name = custom_name(group_of(manifest["apiVersion"]), kind)
        return (name, metadata.get("namespace", ""), metadata["name"])
    is_namespaced = kind not in KINDS or KINDS[kind].is_namespaced
    return (kind, metadata.get("namespace", "default") if is_namespaced else "", metadata["name"])


def healthy(name: str) -> list[Manifest]:
    """The objects of a healthy cluster, of the kinds that are read."""
    objects = read(name)["objects"]
    assert len({identity(item) for item in objects}) == len(objects), "an object is there twice"
    return [item for item in objects if item["kind"] in KINDS or is_custom_resource(item)]


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
