"""`kx.resources`: the types of all kinds that are read, by name, for `snapshot.all(kx.resources.Pod)`."""

from __future__ import annotations

import difflib
from typing import Any

from kubeagentix.domain.resources import KINDS


class ResourceTypes:
    """One attribute per kind."""

    def __getattr__(self, name: str) -> Any:
        if name in KINDS:
            return KINDS[name].type
        near = difflib.get_close_matches(name, KINDS, n=1)
        raise AttributeError(f"no kind {name!r} is read; {f'did you mean {near[0]}?' if near else 'see dir()'}")

    def __dir__(self) -> list[str]:
        return sorted(KINDS)

    def __repr__(self) -> str:
        return f"<kinds: {', '.join(dir(self))}>"


resources = ResourceTypes()
