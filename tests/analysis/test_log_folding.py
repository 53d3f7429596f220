"""Repeated entries of a log, told as one."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from kubeagentix.analysis.log_folding import template_of
from kubeagentix.analysis.logs import LoggedFailure, read_failure
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of

BEGIN = datetime(2026, 1, 15, 10, 2, 11, tzinfo=UTC)


def timed(text: str, every_s: float) -> ContainerLog:
    log = log_of("p", "c", text)
    offsets = tuple(int(1000 * every_s * index) for index in range(len(log.lines)))
    return dataclasses.replace(log, begins_at=BEGIN, offsets_ms=offsets)


def failure_in(log: ContainerLog) -> LoggedFailure:
    found = read_failure(log)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("attempt 3 failed after 1.5s", "attempt 12 failed after 30s"),
        ("dial tcp 10.2.0.7:5432: connection refused", "dial tcp 10.96.140.2:5433: connection refused"),
        ("request 7f9c0b12-1a2b-4c3d-8e9f-0a1b2c3d4e5f lost", "request 00000000-ffff-4c3d-8e9f-0a1b2c3d4e5f lost"),
        ("pod web-7d9f8c6b5-x2x4z gone", "pod web-7d9f8c6b5-bcdfg gone"),
        ("at 0x7ffde", "at 0x1"),
        ("commit deadbeef01", "commit 00c0ffee99"),
        ("2026-01-15T11:59:01.123Z lost 12MiB", "2026-02-01T01:00:09.5Z lost 9MiB"),
    ],
)
def test_what_a_program_fills_in_makes_no_difference(one: str, other: str) -> None:
    assert template_of(one) == template_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cannot reach cache", "cannot reach database"),
        ("worker stopped", "worker started"),
        ("connect to db1", "connect to db2"),
        ("added", "faced"),
    ],
)
def test_what_is_said_of_other_things_stays_apart(one: str, other: str) -> None:
    assert template_of(one) != template_of(other)


def test_a_repeated_error_is_told_once_with_count_and_times() -> None:
    lines = ["INFO started"]
    for attempt in range(37):
        lines += [f"INFO attempt {attempt}", f"ERROR dial tcp 10.2.0.{attempt}:5432: connect: connection refused"]
    failure = failure_in(timed("\n".join(lines), every_s=3))
    assert failure.count == 37
    assert (str(failure.first_at), str(failure.last_at)) == ("2026-01-15 10:02:17+00:00", "2026-01-15 10:05:53+00:00")
    assert failure.excerpt == (
        "  INFO attempt 36 (\u00d737, 10:02:14 to 10:05:50)",
        "> ERROR dial tcp 10.2.0.36:5432: connect: connection refused (\u00d737, 10:02:17 to 10:05:53)",
    )


def test_a_day_is_told_where_it_changes_and_no_time_where_none_is_known() -> None:
    text = "\n".join(["ERROR disk on fire"] * 3)
    assert failure_in(timed(text, every_s=50_000)).excerpt == (
        "ERROR disk on fire (\u00d73, 2026-01-15 10:02:11 to 2026-01-16 13:48:51)",
    )
    assert failure_in(log_of("p", "c", text)).excerpt == ("ERROR disk on fire (\u00d73)",)


def test_an_error_said_once_is_shown_with_its_surroundings() -> None:
    failure = failure_in(timed("opening\nERROR disk on fire\ncleaning up\nbye", every_s=1))
    assert failure.excerpt == ("  opening", "> ERROR disk on fire", "  cleaning up", "  bye")
    assert (failure.count, failure.first_at) == (1, failure.last_at)
