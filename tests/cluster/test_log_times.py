"""The kubelet's times before the lines of a log."""

from __future__ import annotations

import pytest

from kubeagentix.cluster.log_times import split_times


def test_times_of_another_zone_and_precision_are_read() -> None:
    lines, begins_at, offsets = split_times(
        ["2026-01-15T13:59:01.5+02:00 first", "2026-01-15T13:59:02.123456789+02:00 second"]
    )
    assert lines == ("first", "second")
    assert str(begins_at) == "2026-01-15 11:59:01.500000+00:00"
    assert offsets == (0, 623)


def test_only_the_kubelets_own_time_is_taken_off() -> None:
    lines, _, _ = split_times(["2026-01-15T11:59:01.000000000Z 2026-01-15T11:59:00Z INFO up"])
    assert lines == ("2026-01-15T11:59:00Z INFO up",)


def test_a_line_without_a_time_counts_as_written_with_the_one_before() -> None:
    lines, _, offsets = split_times(["2026-01-15T11:59:01Z a", "2026-01-15T11:59:04Z b", "rpc error: code = NotFound"])
    assert lines[2] == "rpc error: code = NotFound"
    assert offsets == (0, 3000, 3000)


@pytest.mark.parametrize("line", ["starting", "2026-13-45T99:99:99Z no time", "0001-01-01T00:00:00+14:00 x", ""])
def test_what_is_no_time_stays_in_the_line(line: str) -> None:
    assert split_times([line]) == ((line,), None, ())
