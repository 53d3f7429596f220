"""Takes a snapshot of what the options name, for the commands that save one."""

from __future__ import annotations

import argparse

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.api import Source
from kubeagentix.domain.events import Listener
from kubeagentix.domain.snapshot import Snapshot


def taken(source: Source | None, arguments: argparse.Namespace, listen: Listener) -> Snapshot:
    """The picture of the namespace that is meant, or of all of them; one that is there already is taken as it is."""
    if isinstance(source, Snapshot):
        return source
    cluster = source or kx.connect()
    namespace = arguments.namespace
    if namespace is None and not arguments.all_namespaces and not isinstance(cluster, kx.Demo):
        namespace = cluster.namespace  # as for dx: the context's own
    return sync.run(kx.atake_snapshot(cluster, namespace, listen=listen))
