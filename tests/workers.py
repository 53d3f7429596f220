"""How the tests are shared among workers: file by file, and those of the one real cluster on one worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_HERE = Path(__file__).parent
_REAL = "tests/cluster/real/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Fixtures of a module are made once, notebooks run in order, and nobody stops the node that another one reads."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # the order is the one of in_turn

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _REAL if file.startswith(_REAL) else file


def in_turn(item: pytest.Item) -> int:
    """A key to sort by. The real cluster takes longest and mostly waits, so it is first. The browser is last: as long
    as Chromium is driven, no other test could run a loop in this thread.
    """
    if item.path.is_relative_to(_HERE / "cluster" / "real"):
        return 0
    return 2 if item.path.is_relative_to(_HERE / "browser") else 1
