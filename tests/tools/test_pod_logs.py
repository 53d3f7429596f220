"""Logs: the pod and the container that are meant, repeats folded, patterns, and containers without a log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kubeagentix as kx
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.testing import log_of, snapshot_of
from tests.tools.lab import Lab

POD = """
kind: Pod
metadata: {name: web-1, namespace: default}
spec: {containers: [{name: web}, {name: proxy}]}
status:
  phase: Running
  containerStatuses:
  - {name: web, ready: false, restartCount: 3, state: {running: {}}}
  - {name: proxy, ready: true, restartCount: 0, state: {running: {}}}
"""
TEXT = "\n".join(
    [
        "starting",
        *(f"2026-01-15T11:00:{second:02} ERROR cannot reach db:5432 (attempt {second})" for second in range(40)),
        "listening on :8080",
    ]
)


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable", "image-tag-not-found", "init-waits-for-service") as started:
        yield started


@pytest.fixture
def live(demo: kx.Demo) -> Lab:
    return Lab(demo.cluster)


@pytest.fixture
def saved() -> Lab:
    logs = [log_of("web-1", "web", TEXT), log_of("web-1", "web", "out of memory", previous=True)]
    return Lab(snapshot_of(POD, logs=[*logs, log_of("web-1", "proxy", "ready")]))


def test_repeats_are_one_line_with_their_number(saved: Lab) -> None:
    output = saved.call("pod_logs", pod="web-1")
    lines = output.text.splitlines()
    assert lines[0].startswith("log of container web of Pod default/web-1: 42 lines, repeats folded to 3 (restarted 3")
    assert lines[2].startswith("2026-01-15T11:00:39 ERROR cannot reach db:5432 (attempt 39) (\u00d740) [e-")
    assert output.evidence[0].summary.endswith("(attempt 39)")
    assert "(its other containers: proxy)" in output.text


def test_the_container_in_trouble_is_meant_if_none_is_named(saved: Lab) -> None:
    assert "container web" in saved.text("pod_logs", pod="web-1").splitlines()[0]
    assert saved.text("pod_logs", pod="pod/web-1", container="proxy").splitlines()[1].startswith("ready [e-")
    assert "out of memory [e-" in saved.text("pod_logs", pod="web-1", previous=True)


def test_a_pattern_finds_lines_with_those_around_them(saved: Lab) -> None:
    found = saved.text("pod_logs", pod="web-1", grep="ATTEMPT (3|39)\\)")
    assert "2 matches" not in found.splitlines()[0]
    assert "(attempt 39) (\u00d72) [e-" in found
    around = saved.text("pod_logs", pod="web-1", grep="attempt 39", context=1).splitlines()
    assert around[1].endswith("(attempt 38)")
    assert "(attempt 39) [e-" in around[2]
    assert around[3] == "listening on :8080"
    assert "0 matches in the newest 42 lines" in saved.text("pod_logs", pod="web-1", grep="nothing")


def test_a_picture_without_that_log_says_so(saved: Lab) -> None:
    with pytest.raises(NotFoundError, match=r"holds no previous log of container proxy .*containers in trouble only"):
        saved.call("pod_logs", pod="web-1", container="proxy", previous=True)


def test_a_workload_stands_for_its_pod_in_most_trouble(live: Lab) -> None:
    for name in ("deploy/checkout", "checkout"):
        output = live.call("pod_logs", pod=name, namespace="orders")
        assert "DATABASE_URL not set [e-" in output.text
        assert "(of Deployment orders/checkout this is checkout-" in output.text
    before = live.text("pod_logs", pod="deploy/checkout", namespace="orders", previous=True)
    assert before.startswith("previous log of container checkout")


def test_a_container_that_waits_for_another_has_its_own_log_told(live: Lab) -> None:
    assert "container wait" in live.text("pod_logs", pod="deploy/search-api", namespace="search").splitlines()[0]


def test_since_and_lines_narrow_it_down(live: Lab) -> None:
    one = live.text("pod_logs", pod="deploy/checkout", namespace="orders", lines=1)
    assert "the newest 1 line " in one
    assert "DATABASE_URL" in one
    some = live.text("pod_logs", pod="deploy/checkout", namespace="orders", since="2d")
    assert "starting" in some


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pod": "deploy/invoice-renderer", "namespace": "invoicing"}, NotFoundError, "has no log: .*waiting to start"),
        ({"pod": "deploy/checkout", "namespace": "orders", "container": "web"}, NotFoundError, "its containers: check"),
        ({"pod": "deploy/checkout", "namespace": "orders", "since": "soon"}, UsageError, "'soon' is no span of time"),
        ({"pod": "pod/chekout", "namespace": "orders"}, NotFoundError, "there is no Pod 'chekout' in namespace orders"),
    ],
)
def test_what_cannot_be_read_is_told(
    live: Lab, arguments: dict[str, str], error: type[kx.KubeAgentiXError], message: str
) -> None:
    with pytest.raises(error, match=message):
        live.call("pod_logs", **arguments)
