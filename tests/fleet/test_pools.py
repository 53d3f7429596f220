"""Where the work is done, by what was brought along."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from kubeagentix.fleet.pools import place_of


class Elsewhere(Executor):
    """An executor on other machines."""


@pytest.mark.parametrize(
    ("address", "is_open"),
    [("tcp://10.0.0.1:8786", True), ("tls://10.0.0.1:8786", False), ("tcp://127.0.0.1:8786", False), ("", False)],
)
def test_credentials_in_the_open_are_told_of(address: str, is_open: bool) -> None:
    client = SimpleNamespace(get_executor=Elsewhere, scheduler=SimpleNamespace(address=address))
    place = place_of(client, None, clusters=5, deadline_s=60)
    assert isinstance(place.executor, Elsewhere)
    assert any("in the open" in line for line in place.notices) is is_open


def test_what_is_brought_along_is_not_ours_to_shut_down() -> None:
    with ThreadPoolExecutor(1) as pool:
        place = place_of(pool, 3, clusters=5, deadline_s=60)
        assert (place.executor, place.at_a_time, place.is_own) == (pool, 3, False)
