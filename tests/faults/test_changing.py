"""The cluster in mid-run: tokens that end, lists that are forgotten, a clock of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.demo.mishaps import Compacted, Mishap, Refused, Struck
from tests.faults.leftovers import nothing_left
from tests.faults.surfaces import MISSED, SURFACES, WHOLE, Told, in_one_line, judged
from tests.faults.table import Section
from tests.faults.telling import tell
from tests.faults.world import World, a_world

AT_THE_FIRST_LIST = r"GET .*(limit=|/pods)"  # the server was asked what it is before
BOUND_S = 60  # of a test, in which each surface is used in its turn
BOUND = f"≤ {BOUND_S} s"
ASKED = ("adiagnose", "dx", "snapshot save", "chat, rules", "tool pod_logs", "tool list_resources")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(autouse=True)
def _healed(world: World) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < BOUND_S
    world.heal()


class TokenEnds:
    """The token in use is refused from this request on; `renewed` hears the new one."""

    def __init__(self, world: World, renewed: Callable[[str], object] = lambda _: None) -> None:
        self._world, self._renewed = world, renewed

    async def answer(self, struck: Struck) -> object:
        self._renewed(self._world.renew_token())
        return await struck.healthy()


def use_each(world: World, folder: Path, arm: Callable[[], object]) -> dict[str, Told]:
    told = {}
    for name in ASKED:
        world.heal()
        arm()
        with nothing_left(folder):
            told[name] = SURFACES[name](world, folder)
    return told


def test_a_token_that_ends_in_mid_run_is_told(world: World, table: Section, temporary: Path) -> None:
    ends: Mishap = TokenEnds(world)  # type: ignore[assignment]
    told = use_each(world, temporary, lambda: world.faults.strike(AT_THE_FIRST_LIST, ends, count=1))
    tell(table, "the token ends in mid-run, nobody renews it", told, bound=BOUND)


def test_a_token_that_an_exec_plugin_renews_is_not_missed(
    world: World, table: Section, temporary: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    ends: Mishap = TokenEnds(world, token.write_text)  # type: ignore[assignment]

    def arm() -> None:
        config = yaml.safe_load(world.kubeconfig.read_text())
        token.write_text(config["users"][0]["user"]["token"])
        config["users"][0]["user"] = {"exec": exec_plugin(tmp_path, token)}
        world.kubeconfig.write_text(yaml.safe_dump(config))
        world.faults.strike(AT_THE_FIRST_LIST, ends, count=1)

    told = use_each(world, temporary, arm)
    assert {what.result for what in told.values()} <= {"whole", "none"}
    tell(table, "the token ends in mid-run, an exec plugin has a new one", told, bound=BOUND)


def exec_plugin(folder: Path, token: Path) -> dict[str, str]:
    script = folder / "plugin"
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "@"}}
    script.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r}.replace('@', open({str(token)!r}).read()))\n")
    script.chmod(0o755)
    return {"apiVersion": answer["apiVersion"], "command": str(script), "interactiveMode": "Never"}  # type: ignore[dict-item]


def test_a_list_that_is_forgotten_between_its_pages_is_begun_anew(
    world: World, table: Section, temporary: Path
) -> None:
    forgets = world.faults.strike(r"GET /api/v1/pods\?.*continue=", Compacted(store=world.store), count=1)
    with nothing_left(temporary), world.connect() as cluster:
        picture = sync.run(cluster.read_snapshot(options=ReadOptions(page_size=5)))
    assert forgets.remaining == 0
    there = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in world.store.list("Pod")}
    assert {(pod.namespace, pod.name) for pod in picture.objects["Pod"]} == there
    found = kx.diagnose(cluster=picture)
    table.row(
        "410 Gone for a page of a list",
        "adiagnose",
        in_one_line(found),
        ended="returns",
        result=judged(found),
        bound=BOUND,
    )


def test_a_list_that_is_forgotten_again_and_again_is_a_gap(world: World, table: Section, temporary: Path) -> None:
    world.faults.strike(r"GET /api/v1/pods\?.*continue=", Compacted(store=world.store))
    only_pods = ReadOptions(page_size=1, kinds=frozenset(("Pod",)))  # which grow to four times that
    with nothing_left(temporary), world.connect() as cluster:
        picture = sync.run(cluster.read_snapshot(options=only_pods))
    (gap,) = picture.gaps
    assert len(picture.objects["Pod"]) == 4
    table.row(
        "410 Gone for a page of a list, again and again",
        "adiagnose",
        f"not seen: {gap.what}: {gap.why}",
        ended="returns",
        result=MISSED,
        bound=BOUND,
    )


def test_nothing_is_watched_so_no_watch_can_be_gone(world: World, table: Section, temporary: Path) -> None:
    gone = world.faults.strike("watch=", Refused(status=410), count=1)
    told = {name: SURFACES[name](world, temporary) for name in ("adiagnose", "chat, rules")}
    assert gone.remaining == 1
    assert {what.result for what in told.values()} == {WHOLE}
    table.row(
        "410 Gone for a watch",
        "everywhere",
        "nothing: lists are read, nothing is watched",
        ended="returns",
        result=WHOLE,
    )


@pytest.mark.parametrize("hours", [-7, 9])
def test_a_clock_that_is_hours_off_is_taken_as_it_is(
    table: Section, temporary: Path, tmp_path: Path, hours: int
) -> None:
    folder = tmp_path / "skewed"
    folder.mkdir()
    with a_world(folder, clock_ahead=timedelta(hours=hours)) as skewed:
        with nothing_left(temporary):
            told = {name: SURFACES[name](skewed, temporary) for name in ASKED}
        with skewed.connect() as cluster:
            picture = kx.take_snapshot(cluster)
    assert abs(picture.taken_at - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=2)
    assert {what.result for what in told.values()} <= {"whole", "none"}
    tell(table, f"a server whose clock is {abs(hours)} h {'ahead' if hours > 0 else 'behind'}", told, bound=BOUND)
