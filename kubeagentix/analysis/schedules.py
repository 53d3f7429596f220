"""CronJob schedules: the five-field syntax as the CronJob controller reads it, and the times it stands for.

As strict as robfig/cron v3's standard parser, which Kubernetes uses: `*` and `?`, lists, ranges, steps, names of
months and days, `@hourly` and friends, `@every 1h30m`, `TZ=` or `CRON_TZ=` in front. Sunday is 0 and never 7. If
both day fields are restricted, a day that fits either is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

HORIZON_DAYS = 366 * 8  # a 29 February is at most eight years away; what has no date by then has none

DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_DURATION = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)(h|ms|m|s|us|µs|ns)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class ScheduleSyntaxError(ValueError):
    """A schedule that the CronJob controller cannot read; says which part and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When something is due. `every_s` is set for `@every` schedules, whose times depend on when they started."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    is_any_day_field_open: bool = True
    every_s: float = 0.0
    zone: tzinfo = UTC

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due time after `moment`, or None if there is none within eight years (`30 2` of February)."""
        if self.every_s:
            return moment + timedelta(seconds=self.every_s)
        return self._search(moment, step=1)

    def previous_before(self, moment: datetime) -> datetime | None:
        """The last due time before `moment`, or None as for `next_after`."""
        if self.every_s:
            return moment - timedelta(seconds=self.every_s)
        return self._search(moment, step=-1)

    def _search(self, moment: datetime, *, step: int) -> datetime | None:
        local = moment.astimezone(self.zone)
        day = local.date()
        for _ in range(HORIZON_DAYS):
            if self._takes_day(datetime(day.year, day.month, day.day)):
                for hour, minute in self._times(step):
                    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone).astimezone(UTC)
                    if (due > moment) if step > 0 else (due < moment):
                        return due
            day += timedelta(days=step)
        return None

    def _times(self, step: int) -> list[tuple[int, int]]:
        return sorted(((hour, minute) for hour in self.hours for minute in self.minutes), reverse=step < 0)

    def _takes_day(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_date and by_weekday) if self.is_any_day_field_open else (by_date or by_weekday)


def parse_schedule(text: str, time_zone: str = "") -> Schedule:
    """The Schedule that `spec.schedule` (and `spec.timeZone`) mean. Raises ScheduleSyntaxError."""
    prefix, spec = _split_zone(text.strip())
    zone = _zone(time_zone or prefix)
    if spec.startswith("@every "):
        return Schedule(every_s=_duration_s(spec.removeprefix("@every ").strip()), zone=zone)
    if spec.startswith("@"):
        if spec not in DESCRIPTORS:
            raise ScheduleSyntaxError(f"unknown descriptor {spec}")
        spec = DESCRIPTORS[spec]
    fields = spec.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleSyntaxError(f"{len(fields)} fields instead of five (minute hour day month weekday): {text!r}")
    parsed = [_field(text, *shape) for text, shape in zip(fields, _FIELDS, strict=True)]
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = parsed
    return Schedule(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        is_any_day_field_open=any_day or any_weekday,
        zone=zone,
    )


def _split_zone(text: str) -> tuple[str, str]:
    for lead in ("TZ=", "CRON_TZ="):
        if text.startswith(lead):
            name, _, rest = text.removeprefix(lead).partition(" ")
            return name, rest.strip()
    return "", text


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ScheduleSyntaxError(f"unknown time zone {name!r}") from error


def _duration_s(text: str) -> float:
    pieces = _DURATION.findall(text)
    if not pieces or "".join(amount + unit for amount, unit in pieces) != text:
        raise ScheduleSyntaxError(f"no duration: {text!r}")
    return max(1.0, sum(float(amount) * _UNIT_S[unit] for amount, unit in pieces))


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> tuple[frozenset[int], bool]:
    """(the numbers of a field, whether it is open, that is a `*` without a step)."""
    taken: set[int] = set()
    is_open = False
    for part in text.split(","):
        span, star = _part(part, name, low, high, names)
        taken.update(span)
        is_open = is_open or star
    return frozenset(taken), is_open


def _part(part: str, name: str, low: int, high: int, names: dict[str, int]) -> tuple[range, bool]:
    span, slash, step_text = part.partition("/")
    step = _number(step_text, name, {}) if slash else 1
    if step < 1:
        raise ScheduleSyntaxError(f"step {step_text!r} of {name} is not positive")
    if span in ("*", "?"):
        return range(low, high + 1, step), step == 1
    first_text, dash, last_text = span.partition("-")
    first = _number(first_text, name, names)
    last = _number(last_text, name, names) if dash else (high if slash else first)
    if first < low or last > high:
        raise ScheduleSyntaxError(f"{part!r} is outside of {low} to {high} for {name}")
    if first > last:
        raise ScheduleSyntaxError(f"{part!r} of {name} ends before it starts")
    return range(first, last + 1, step), False


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdigit()):
        raise ScheduleSyntaxError(f"{text!r} is no {name}")
    return int(text)
