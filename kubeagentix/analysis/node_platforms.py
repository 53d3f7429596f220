"""Which processors nodes have, for images that are not made for all of them."""

from __future__ import annotations

from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot


def platform(node: Node) -> str:
    """`linux/arm64`, or "" where the node does not say."""
    info = node.status.node_info
    return "/".join(part for part in (info.operating_system, info.architecture) if part)


def architectures(snapshot: Snapshot, pod: Pod) -> str:
    """What the pod's node is, and what others are, in a sentence or two; "" where it is not known."""
    node = snapshot.get(Node, "", pod.spec.node_name) if pod.spec.node_name else None
    own = platform(node) if node is not None else ""
    if not own:
        return ""
    others = {platform(item): item.name for item in reversed(snapshot.all(Node)) if platform(item) not in ("", own)}
    rest = (
        f" Other nodes are {', '.join(f'{name} ({node})' for name, node in sorted(others.items()))}." if others else ""
    )
    return f"Node {pod.spec.node_name} is {own}.{rest}"
