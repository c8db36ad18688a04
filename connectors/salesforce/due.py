"""When a task is due: Salesforce keeps a day, without an hour.

The hour is a line at the end of the description, in the time zone of who has to do it. Where people
move the day, the hour stays; where they delete the line, it is the end of a working day.
"""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LINE = re.compile(r"\n?^Due (\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) \(([\w/+-]+)\)$", re.MULTILINE)
EVENING = time(17, 0)


def day_in(moment: datetime, zone: str) -> date:
    return moment.astimezone(_zone(zone)).date()


def with_line(text: str, moment: datetime | None, zone: str) -> str:
    """The text with the moment as its last line, in place of an older one."""
    plain = without_line(text)
    if moment is None:
        return plain
    local = moment.astimezone(_zone(zone))
    at = local.strftime("%H:%M:%S" if local.second else "%H:%M")
    return f"{plain}\n{_line(local.date(), at, zone)}".lstrip("\n")


def without_line(text: str) -> str:
    return LINE.sub("", text).rstrip("\n")


def line_of(text: str) -> str | None:
    """As it stands in the text."""
    found = LINE.search(text)
    return found[0].lstrip("\n") if found else None


def moment_of(text: str, day: date | None) -> datetime | None:
    """When a task with this description and day is due."""
    if day is None:
        return None
    found = LINE.search(text)
    at = time.fromisoformat(found[2]) if found else EVENING
    zone = _zone(found[3]) if found else _zone("UTC")
    return datetime.combine(day, at, zone).astimezone(UTC)


def _line(day: date, at: str, zone: str) -> str:
    return f"Due {day.isoformat()} {at} ({zone})"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
