"""What befalls answers: each mishap as a plain HTTP client sees it, and the memory of none of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead

import pytest

from kubeagentix.demo.mishaps import (
    LOGIN_PAGE,
    Broken,
    Compacted,
    Crowded,
    Delayed,
    Dropped,
    Flooded,
    Refused,
    Replaced,
    Truncated,
)

from .conftest import Cluster

PODS = "/api/v1/namespaces/shop/pods"


def test_a_refusal_may_say_when_to_come_back(cluster: Cluster) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    cluster.server.faults.strike("/pods", Refused(status=503, retry_after=soon))
    answer = cluster.ask("GET", PODS)
    assert answer.status == 503
    assert parsedate_to_datetime(answer.headers["Retry-After"]) == soon
    cluster.server.faults.strike("/pods", Refused(status=429))
    assert "Retry-After" not in cluster.ask("GET", PODS).headers


def test_the_newest_rule_counts_and_may_spare_the_first_requests(cluster: Cluster) -> None:
    cluster.server.faults.fail("/pods", 500)
    cluster.server.faults.strike("/pods", Refused(status=403), after=1, count=1)
    assert [cluster.ask("GET", PODS).status for _ in range(3)] == [500, 403, 500]


def test_a_connection_may_be_reset(cluster: Cluster) -> None:
    cluster.server.faults.strike("/pods", Dropped(is_reset=True))
    with pytest.raises(OSError):  # noqa: PT011  reset, or ended in the TLS layer
        cluster.ask("GET", PODS)


def test_an_answer_may_be_slow_to_begin_and_slow_to_go_on(cluster: Cluster) -> None:
    cluster.server.faults.strike("/version", Delayed(first_byte_s=0.1, bytes_per_s=2000))
    begin = time.monotonic()
    whole = cluster.ask("GET", "/version")
    assert whole.body["gitVersion"]
    assert time.monotonic() - begin > 0.1 + 0.05


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_may_end_in_the_middle(cluster: Cluster, framing: str, is_reset: bool) -> None:
    cluster.server.faults.strike("/pods", Broken(framing=framing, is_reset=is_reset))  # type: ignore[arg-type]
    with pytest.raises((IncompleteRead, OSError)):
        cluster.ask("GET", PODS)


def test_json_may_end_in_the_middle_of_a_whole_answer(cluster: Cluster) -> None:
    cluster.server.faults.strike("/pods", Truncated())
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        cluster.ask("GET", PODS)


def test_something_else_may_answer(cluster: Cluster) -> None:
    cluster.server.faults.strike("/pods", Replaced())
    assert cluster.ask("GET", PODS).body == LOGIN_PAGE.encode()
    cluster.server.faults.strike("/pods", Replaced(body=None, content_type="text/plain"))
    answer = cluster.ask("GET", PODS)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.body.startswith(b'{"kind":"PodList"')


@pytest.mark.parametrize(("line_bytes", "lines"), [(100, 10_000), (0, 0)])
def test_a_log_may_be_endless(cluster: Cluster, line_bytes: int, lines: int) -> None:
    cluster.server.faults.strike("/log", Flooded(size_bytes=1_000_000, line_bytes=line_bytes))
    body = cluster.ask("GET", f"{PODS}/web-2-good/log?limitBytes=10").body
    assert (len(body), body.count(b"\n")) == (1_000_000, lines)


def test_a_namespace_may_be_crowded(cluster: Cluster) -> None:
    template = {"metadata": {"namespace": "shop", "labels": {"app": "web"}}, "spec": {"nodeName": "n1"}}
    cluster.server.faults.strike("/pods", Crowded(template=template, count=450))
    names, token = [], ""
    while True:
        page = cluster.ask("GET", f"{PODS}?limit=200&continue={token}").body
        names += [(item["metadata"]["name"], item["metadata"]["uid"]) for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    there = len(cluster.store.list("Pod", "shop"))
    assert len(set(names)) == there + 450
    assert len(cluster.ask("GET", PODS).body["items"]) == there + 450


def test_the_history_may_be_forgotten_between_two_pages(cluster: Cluster) -> None:
    first = cluster.ask("GET", f"{PODS}?limit=1").body
    cluster.server.faults.strike("continue", Compacted(store=cluster.store), count=1)
    answer = cluster.ask("GET", f"{PODS}?limit=1&continue={first['metadata']['continue']}")
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


def test_a_token_may_be_refused_from_some_moment_on(cluster: Cluster) -> None:
    old = cluster.server._access.token("admin")
    new = cluster.server.renew_token()
    assert cluster.ask("GET", PODS, Authorization=f"Bearer {old}").status == 401
    assert cluster.ask("GET", PODS, Authorization=f"Bearer {new}").status == 200
