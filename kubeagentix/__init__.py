"""KubeAgentiX: find out why a Kubernetes workload is broken, with the evidence for every word.

    import kubeagentix as kx

    kx.demo()                      # or kx.connect(context="prod")
    kx.diagnose("deploy/web", namespace="shop")

Names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kubeagentix.agent import Engine, Reply, achat, providers
    from kubeagentix.api import (
        Demo,
        adiagnose,
        atake_snapshot,
        connect,
        current,
        demo,
        diagnose,
        load,
        save,
        take_snapshot,
        use,
    )
    from kubeagentix.chats import chat
    from kubeagentix.cluster.connection import Cluster
    from kubeagentix.contracts import Provider
    from kubeagentix.doctor.checkup import doctor
    from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
    from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
    from kubeagentix.domain.making import finding
    from kubeagentix.domain.options import RunOptions
    from kubeagentix.domain.resource_types import resources
    from kubeagentix.domain.secrets import Credential, Secret
    from kubeagentix.domain.snapshot import Snapshot
    from kubeagentix.errors import KubeAgentiXError
    from kubeagentix.fleet.asking import afleet, fleet
    from kubeagentix.own_analyzers import analyzer, analyzers
    from kubeagentix.own_tools import tool, tools
    from kubeagentix.quickdx.diagnosis import Diagnosis
    from kubeagentix.recall import history
    from kubeagentix.watches import watch

_HOMES = {
    "ApprovalAnswer": "kubeagentix.domain.changes",
    "ApprovalRequest": "kubeagentix.domain.changes",
    "Cluster": "kubeagentix.cluster.connection",
    "Credential": "kubeagentix.domain.secrets",
    "Demo": "kubeagentix.api",
    "Diagnosis": "kubeagentix.quickdx.diagnosis",
    "Engine": "kubeagentix.agent",
    "Evidence": "kubeagentix.domain.diagnosis",
    "Finding": "kubeagentix.domain.diagnosis",
    "KubeAgentiXError": "kubeagentix.errors",
    "Provider": "kubeagentix.contracts",
    "Remedy": "kubeagentix.domain.diagnosis",
    "Reply": "kubeagentix.agent",
    "ResourceRef": "kubeagentix.domain.diagnosis",
    "RunOptions": "kubeagentix.domain.options",
    "Secret": "kubeagentix.domain.secrets",
    "Severity": "kubeagentix.domain.diagnosis",
    "Snapshot": "kubeagentix.domain.snapshot",
    "achat": "kubeagentix.agent",
    "adiagnose": "kubeagentix.api",
    "afleet": "kubeagentix.fleet.asking",
    "analyzer": "kubeagentix.own_analyzers",
    "analyzers": "kubeagentix.own_analyzers",
    "atake_snapshot": "kubeagentix.api",
    "chat": "kubeagentix.chats",
    "connect": "kubeagentix.api",
    "current": "kubeagentix.api",
    "demo": "kubeagentix.api",
    "diagnose": "kubeagentix.api",
    "doctor": "kubeagentix.doctor.checkup",
    "finding": "kubeagentix.domain.making",
    "fleet": "kubeagentix.fleet.asking",
    "history": "kubeagentix.recall",
    "load": "kubeagentix.api",
    "providers": "kubeagentix.agent",
    "resources": "kubeagentix.domain.resource_types",
    "save": "kubeagentix.api",
    "take_snapshot": "kubeagentix.api",
    "tool": "kubeagentix.own_tools",
    "tools": "kubeagentix.own_tools",
    "use": "kubeagentix.api",
    "watch": "kubeagentix.watches",
}

__all__ = [
    "ApprovalAnswer",
    "ApprovalRequest",
    "Cluster",
    "Credential",
    "Demo",
    "Diagnosis",
    "Engine",
    "Evidence",
    "Finding",
    "KubeAgentiXError",
    "Provider",
    "Remedy",
    "Reply",
    "ResourceRef",
    "RunOptions",
    "Secret",
    "Severity",
    "Snapshot",
    "__version__",
    "achat",
    "adiagnose",
    "afleet",
    "analyzer",
    "analyzers",
    "atake_snapshot",
    "chat",
    "connect",
    "current",
    "demo",
    "diagnose",
    "doctor",
    "finding",
    "fleet",
    "history",
    "load",
    "providers",
    "resources",
    "save",
    "take_snapshot",
    "tool",
    "tools",
    "use",
    "watch",
]


class _Package(ModuleType):
    """The package, with its public names before its folders: `kx.demo` is the function, not `kubeagentix/demo/`."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds a subpackage to its parent's attribute once it is loaded.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'kubeagentix' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """Registers the magics; called by `%load_ext kubeagentix`."""
    importlib.import_module("kubeagentix.notebook.extension").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Takes the magics away again; called by `%unload_ext kubeagentix`."""
    importlib.import_module("kubeagentix.notebook.extension").unload(ipython)
