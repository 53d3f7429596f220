"""The workloads of `workloads/`: a folder per family, a file per case, and its truth in the comments at its head.

`# root:` and `# reason:` say what is really wrong with it, `# healthy` that nothing is, `# delete:` what is deleted
once it stands. CASE.then.yaml is applied once CASE.yaml stands. NAMESPACE stands for the namespace of the case.
They are made for a cluster of two nodes, of which one is labelled pool=batch and tainted dedicated=batch:NoSchedule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

WORKLOADS = Path(__file__).parent / "workloads"
CLUSTER_SCOPED = ("PersistentVolume",)

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One namespace's workloads, and the truth: no `root` for a healthy one."""

    name: str  # family/file
    first: str
    then: str
    root: str
    reason: str
    delete: str

    def manifests(self, text: str, namespace: str) -> list[Manifest]:
        """The objects of `first` or `then` as they go into `namespace`."""
        found = list(yaml.safe_load_all(text.replace("NAMESPACE", namespace))) if text else []
        for item in found:
            if item["kind"] not in CLUSTER_SCOPED:
                item["metadata"]["namespace"] = namespace
        return found


def _read(path: Path) -> Case:
    text = path.read_text()
    then = path.with_suffix(".then.yaml")
    said = dict(re.findall(r"^# (root|reason|delete): (.+)$", text, re.MULTILINE))
    assert bool(said.get("root")) == bool(said.get("reason")) != ("# healthy" in text), f"{path} has no truth"
    return Case(
        name=f"{path.parent.name}/{path.stem}",
        first=text,
        then=then.read_text() if then.exists() else "",
        root=said.get("root", ""),
        reason=said.get("reason", ""),
        delete=said.get("delete", ""),
    )


CASES = tuple(_read(path) for path in sorted(WORKLOADS.glob("*/*.yaml")) if not path.stem.endswith(".then"))
BROKEN = tuple(case for case in CASES if case.root)
HEALTHY = tuple(case for case in CASES if not case.root)
