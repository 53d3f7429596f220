"""What is asked of the API, in the words of RBAC. Whoever reads declares it, and roles are made of the declarations.

A declaration is built from the same table or constant that the reading follows, so that a role cannot lag behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubeagentix.domain.resources import Kind

EVERYWHERE = "*"  # as a place: all namespaces at once
CUSTOM_RESOURCES = "(custom resources)"  # as a resource: whatever kinds a cluster defines; a role has to name them


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Verbs on one resource (`pods`, `pods/log`) of an API group.

    `namespace` is where it is used: "" where one looks, EVERYWHERE, or one by name whatever one looks at. `names`:
    only these objects. `danger` says what else it lets its holder do; such a right is given on request only.
    """

    resource: str
    verbs: tuple[str, ...]
    group: str = ""
    is_namespaced: bool = True
    namespace: str = ""
    names: tuple[str, ...] = ()
    danger: str = ""


def rights_on(kinds: Iterable[Kind], *verbs: str, namespace: str = "") -> tuple[Right, ...]:
    """The right to do `verbs` on each of these kinds."""
    return tuple(
        Right(
            resource=kind.plural,
            verbs=verbs,
            group=kind.group,
            is_namespaced=kind.is_namespaced,
            namespace=namespace if kind.is_namespaced else "",
        )
        for kind in kinds
    )
