"""What a container tells is what the host tells; collected where `--image` names one."""

from __future__ import annotations

from tests.matrix.conftest import Matrix
from tests.matrix.table import WAYS, Mode, Row

SAME = ("answered_by", "attempts", "raised", "code", "message", "says", "state")


def test_the_container_agrees_with_the_host(matrix: Matrix, row: Row, mode: Mode) -> None:
    for way in WAYS:
        host, container = (matrix.told(place, row).cells[f"{way}-{mode.name}"] for place in ("host", "container"))
        assert {name: host.get(name) for name in SAME} == {name: container.get(name) for name in SAME}
