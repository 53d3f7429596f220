"""The syntax is that of robfig/cron v3's standard parser; times are worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubeagentix.analysis.schedules import ScheduleSyntaxError, parse_schedule

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)  # a Thursday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "following", "before"),
    [
        ("* * * * *", "2026-01-15T12:01", "2026-01-15T11:59"),
        ("*/15 * * * *", "2026-01-15T12:15", "2026-01-15T11:45"),
        ("5/20 * * * *", "2026-01-15T12:05", "2026-01-15T11:45"),
        ("30 3 * * *", "2026-01-16T03:30", "2026-01-15T03:30"),
        ("0 9-17/4 * * mon-fri", "2026-01-15T13:00", "2026-01-15T09:00"),
        ("0 0 1 JAN,jul *", "2026-07-01T00:00", "2026-01-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00", "2024-02-29T00:00"),
        ("@hourly", "2026-01-15T13:00", "2026-01-15T11:00"),
        ("@weekly", "2026-01-18T00:00", "2026-01-11T00:00"),
        ("0 0 ? * 0", "2026-01-18T00:00", "2026-01-11T00:00"),
        ("0 0 13 * 5", "2026-01-16T00:00", "2026-01-13T00:00"),
        ("@every 1h30m", "2026-01-15T13:30", "2026-01-15T10:30"),
        ("TZ=Asia/Tokyo 0 9 * * *", "2026-01-16T00:00", "2026-01-15T00:00"),
        ("CRON_TZ=America/New_York 0 8 * * *", "2026-01-15T13:00", "2026-01-14T13:00"),
    ],
)
def test_next_and_previous_times(schedule: str, following: str, before: str) -> None:
    parsed = parse_schedule(schedule)
    assert parsed.next_after(NOON) == at(following)
    assert parsed.previous_before(NOON) == at(before)


def test_time_zone_of_the_spec_counts() -> None:
    assert parse_schedule("0 9 * * *", "Asia/Tokyo").next_after(NOON) == at("2026-01-16T00:00")


def test_step_on_a_day_field_restricts_it() -> None:
    # `*/2` is restricted, so with a weekday either fits: 17 January is odd, 19 January a Monday.
    parsed = parse_schedule("0 0 */2 * 1")
    assert parsed.next_after(at("2026-01-15T12:00")) == at("2026-01-17T00:00")
    assert parsed.next_after(at("2026-01-31T12:00")) == at("2026-02-01T00:00")


def test_date_that_no_year_has() -> None:
    assert parse_schedule("0 0 30 2 *").next_after(NOON) is None


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "0 * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "10-5 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "1,,2 * * * *",
        "-1 * * * *",
        "* * * foo *",
        "@fortnightly",
        "@every soon",
        "@every",
        "TZ=Mars/Base 0 0 * * *",
        "every day at nine",
    ],
)
def test_what_the_controller_refuses_is_refused(schedule: str) -> None:
    with pytest.raises(ScheduleSyntaxError):
        parse_schedule(schedule)


def test_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ScheduleSyntaxError, match="Mars"):
        parse_schedule("* * * * *", "Mars/Base")
