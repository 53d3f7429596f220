"""From which nodes a volume can be reached."""

from __future__ import annotations

from kubeagentix.domain.nodes import Node
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolume

_HOSTNAME = "kubernetes.io/hostname"


def lost_nodes(snapshot: Snapshot, volume: PersistentVolume) -> tuple[str, ...]:
    """The nodes that alone can reach the volume, if none of them exists any more."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None or not snapshot.was_read(Node):
        return ()
    terms = affinity.required.node_selector_terms
    wanted = [item for term in terms for item in term.match_expressions if item.key == _HOSTNAME]
    names = tuple(name for item in wanted if item.operator == "In" for name in item.values)
    if len(wanted) < len(terms) or not names:  # a term without a host name may be met by other nodes
        return ()
    known = {node.metadata.labels.get(_HOSTNAME, node.name) for node in snapshot.all(Node)}
    return () if known.intersection(names) else names
