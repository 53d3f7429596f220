"""Reading one log: spans of time, what a kubelet says in place of a log, long entries, and what may be cited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.errors import ApiError, ForbiddenError, NotFoundError, UsageError
from kubeagentix.testing import log_of
from kubeagentix.toolkit import log_reading
from kubeagentix.toolkit.log_reading import folded, read_log, seconds_of
from tests.tools.lab import Results

POD = ResourceRef(kind="Pod", namespace="shop", name="web-1")


class Answering(Cluster):
    """A cluster that answers every text with one text, or with an error."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.params: Mapping[str, Any] = {}

    async def get_text(self, path: str, params: Mapping[str, Any] | None = None, **_: Any) -> str:
        self.params = params or {}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def never(_: Any) -> Any:
    raise AssertionError("not asked for")


def read(answer: str | Exception, **words: Any) -> tuple[ContainerLog, Mapping[str, Any]]:
    cluster = Answering(answer)
    context = ToolContext(source=cluster, namespace=None, diagnose=never, results=Results(), environ={})
    options = {"is_previous": False, "lines": 3, "since_s": None, **words}
    return asyncio.run(read_log(context, POD, "web", **options)), cluster.params


def test_the_kubelets_times_are_kept_beside_the_lines() -> None:
    log, params = read("2026-01-15T11:00:00.5Z one\n2026-01-15T11:00:01.5Z two\r\n", since_s=60, is_previous=True)
    assert log.lines == ("one", "two")
    assert log.offsets_ms == (0, 1000)
    assert not log.is_truncated
    assert (params["tailLines"], params["sinceSeconds"], params["previous"]) == (3, 60, "true")


def test_a_log_beyond_every_limit_is_said_to_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "MAX_BYTES", 20)
    log, params = read("12345\n" * 4)
    assert (log.is_cut, log.is_truncated) == (True, True)
    assert params["tailLines"] == 2  # half of the lines that fitted: a kubelet would have sent the newest of them
    assert not read("12345\n")[0].is_cut


def test_a_server_that_sends_more_lines_than_wanted_gives_the_newest() -> None:
    log, _ = read("1\n2\n3\n4\n5\n")
    assert (log.lines, log.is_truncated) == (("3", "4", "5"), True)


def test_as_many_lines_as_were_asked_for_may_not_be_all() -> None:
    assert read("1\n2\n3\n")[0].is_truncated
    assert read("")[0].lines == ()


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ("unable to retrieve container logs for containerd://5628", NotFoundError, "its files were removed"),
        (
            ApiError('cannot read x: 400 container "web" is waiting', status=400),
            NotFoundError,
            'log: 400 container "web"',
        ),
        (ApiError("cannot read x: 500 boom", status=500), ApiError, "500 boom"),
        (ForbiddenError("cannot read x: 403"), ForbiddenError, "403"),
    ],
)
def test_what_is_no_log_is_told(answer: str | Exception, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(answer)


@pytest.mark.parametrize(("span", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), (" 2D ", 172_800)])
def test_a_span_of_time(span: str, seconds: int) -> None:
    assert seconds_of(span) == seconds


@pytest.mark.parametrize("span", ["", "soon", "5", "-5m", "1.5h", "5 m"])
def test_what_is_no_span_is_refused(span: str) -> None:
    with pytest.raises(UsageError, match="is no span of time; such as 90s"):
        seconds_of(span)


def test_a_long_trace_keeps_its_head_and_its_end() -> None:
    frames = "\n".join(f"\tat com.example.Deep.call{chr(97 + place % 26)}(Deep.java)" for place in range(80))
    log = log_of("web-1", "web", f"java.lang.IllegalStateException: no pool\n{frames}\nCaused by: refused")
    (entry,), short = folded(POD, log)
    assert entry.text.startswith("java.lang.IllegalStateException: no pool")
    assert "lines …" in entry.text
    assert entry.text.endswith("Caused by: refused")
    assert entry.evidence is not None
    assert short == [entry]


def test_errors_and_the_last_line_can_be_cited() -> None:
    text = "\n".join(["ready", *(f"ERROR cannot do {name}" for name in ("alpha", "beta")), "bye"])
    lines, _ = folded(POD, log_of("web-1", "web", text))
    assert [item.text for item in lines if item.evidence is not None] == [
        "ERROR cannot do alpha",
        "ERROR cannot do beta",
        "bye",
    ]
