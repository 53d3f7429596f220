"""A named target is read by itself: few requests, and the same answer as from all of its namespace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.mishaps import Struck
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import ProgressEvent, StageChanged
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import CronJob, Deployment, StatefulSet
from kubeagentix.errors import NotFoundError
from kubeagentix.quickdx.pipeline import diagnose_snapshot, neighbours

BROKEN = [item for item in registry.scenarios().values() if not item.is_healthy]
WHOLE = {"poddisruptionbudgets"}  # which no target needs to be explained
WORKLOADS = (Deployment, StatefulSet, CronJob)


@dataclass
class Recorder:
    """Lets every request pass, and keeps what was asked for."""

    seen: list[str] = field(default_factory=list)

    async def answer(self, struck: Struck) -> web.StreamResponse:
        self.seen.append(struck.request.path_qs)
        return await struck.healthy()


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo() as running:
        yield running


@pytest.fixture(scope="module")
def whole(demo: kx.Demo) -> Snapshot:
    return kx.take_snapshot(demo)


@pytest.fixture
def recorder(demo: kx.Demo) -> Iterator[Recorder]:
    found = Recorder()
    demo.faults.strike("", found)
    yield found
    demo.faults.clear()


def picture_of(whole: Snapshot, namespace: str) -> Snapshot:
    """What a reading of a namespace gives, and of those that its faults lead to."""
    picture = _part(whole, namespace)
    while further := neighbours(picture):
        picture = picture.joined(_part(whole, further[0]))
    return picture


def _part(whole: Snapshot, namespace: str) -> Snapshot:
    objects = {
        kind: tuple(item for item in items if item.namespace in ("", namespace))
        for kind, items in whole.objects.items()
    }
    logs = tuple(log for log in whole.logs if log.namespace == namespace)
    return replace(whole, namespace=namespace, objects=objects, logs=logs)


@pytest.mark.parametrize("scenario", BROKEN, ids=lambda item: item.id)
def test_the_answer_is_that_of_a_reading_of_everything(
    scenario: ScenarioPlugin, demo: kx.Demo, whole: Snapshot
) -> None:
    picture = picture_of(whole, scenario.namespace)
    for kind in WORKLOADS:
        for item in picture.in_namespace(kind, scenario.namespace):
            target = Target(namespace=scenario.namespace, kind=kind.kind, name=item.name)
            expected = diagnose_snapshot(picture, target)
            found = kx.diagnose(f"{kind.kind}/{item.name}", namespace=scenario.namespace, cluster=demo)
            assert [one.id for one in found.hypotheses] == [one.id for one in expected.hypotheses]
            confidences = [one.confidence for one in expected.hypotheses]
            assert [one.confidence for one in found.hypotheses] == pytest.approx(confidences, abs=0.03)
            assert found.gaps == ()


TYPICAL = {
    "a crash loop": ("deploy/checkout", "orders"),
    "a panic": ("deploy/limiter", "edge"),
    "a missing ConfigMap": ("deploy/pricing", "pricing"),
    "a missing ConfigMap to mount": ("deploy/proxy", "gateway"),
    "a missing key of a Secret": ("deploy/ledger", "billing"),
    "an edited ConfigMap": ("deploy/pricing", "rates"),
    "an image that is not there": ("deploy/invoice-renderer", "invoicing"),
    "an image that may not be pulled": ("deploy/fraud-scorer", "risk"),
    "a probe of the wrong port": ("deploy/profiles", "accounts"),
    "memory that does not do": ("deploy/thumbnails", "media"),
    "no node with room": ("deploy/forecast", "planning"),
    "no node of that label": ("deploy/vector-index", "similarity"),
    "a quota": ("deploy/crawler", "crawling"),
    "a Service without endpoints": ("svc/loyalty-api", "loyalty"),
    "a Service whose port is not there": ("svc/ticket-desk", "support"),
}


@pytest.mark.parametrize(("target", "namespace"), TYPICAL.values(), ids=TYPICAL)
def test_a_typical_fault_takes_fewer_than_ten_requests(
    target: str, namespace: str, demo: kx.Demo, recorder: Recorder
) -> None:
    assert kx.diagnose(target, namespace=namespace, cluster=demo).hypotheses
    assert len(recorder.seen) < 10, "\n".join(recorder.seen)


def test_where_nothing_is_found_everything_is_read(demo: kx.Demo, recorder: Recorder) -> None:
    """That nothing is wrong can only be said of what was looked at."""
    found = kx.diagnose("svc/kubernetes", namespace="default", cluster=demo)
    assert found.is_healthy
    assert WHOLE & {path.partition("?")[0].rpartition("/")[2] for path in recorder.seen}


def test_lint_is_asked_of_a_reading_of_everything(demo: kx.Demo, recorder: Recorder) -> None:
    kx.diagnose("deploy/checkout", namespace="orders", cluster=demo, include_lint=True)
    assert WHOLE & {path.partition("?")[0].rpartition("/")[2] for path in recorder.seen}


def test_only_the_right_to_list_is_asked_for(demo: kx.Demo, recorder: Recorder) -> None:
    """Roles made by `kubeagentix rbac` grant no more, but for logs."""
    kx.diagnose("deploy/pricing", namespace="rates", cluster=demo)
    objects = [path for path in recorder.seen if "/log?" not in path]
    assert objects
    assert all("limit=" in path for path in objects)


def test_progress_is_told(demo: kx.Demo) -> None:
    heard: list[ProgressEvent] = []
    kx.diagnose("deploy/checkout", namespace="orders", cluster=demo, listen=heard.append)
    stages = [event for event in heard if isinstance(event, StageChanged)]
    assert {event.stage for event in stages} >= {"connect", "collect", "logs", "analyze", "correlate"}
    assert all(event.done <= event.total for event in stages)


def test_a_target_that_is_not_there_is_told_with_the_nearest_names(demo: kx.Demo) -> None:
    with pytest.raises(NotFoundError) as raised:
        kx.diagnose("deploy/chekout", namespace="orders", cluster=demo)
    assert "checkout" in str(raised.value.hint)


def test_what_may_not_be_read_is_a_gap(demo: kx.Demo) -> None:
    demo.faults.fail("/namespaces/orders/services", 403)
    try:
        found = kx.diagnose("deploy/checkout", namespace="orders", cluster=demo)
    finally:
        demo.faults.clear()
    assert found.hypotheses
    assert [gap.kind for gap in found.gaps] == ["Service"]
