"""A module's own `demo`, live and as a saved picture, for the tools to look at."""

from __future__ import annotations

import pytest

import kubeagentix as kx
from tests.tools.lab import Lab


@pytest.fixture(scope="module")
def picture(demo: kx.Demo) -> kx.Snapshot:
    return kx.take_snapshot(demo)


@pytest.fixture(params=["live", "saved"])
def lab(request: pytest.FixtureRequest, demo: kx.Demo, picture: kx.Snapshot) -> Lab:
    return Lab(demo.cluster if request.param == "live" else picture)


@pytest.fixture
def live(demo: kx.Demo) -> Lab:
    return Lab(demo.cluster)
