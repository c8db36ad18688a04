"""When a task is due: Salesforce keeps a day, without an hour.

The hour is a line at the end of the description, in the time zone of who has to do it. It names no
day, which people move without it: the hour stays. Where they delete the line, it is the end of a
working day.
"""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Tasks from before have the day of then in it.
LINE = re.compile(
    r"\n?^Due (?:at|\d{4}-\d\d-\d\d) (?P<hour>(?:[01]\d|2[0-3])(?::[0-5]\d){1,2}) "
    r"\((?P<zone>[\w/+-]+)\)$",
    re.MULTILINE,
)
EVENING = time(17, 0)


def day_in(moment: datetime, zone: str) -> date:
    return moment.astimezone(_zone(zone)).date()


def line(moment: datetime, zone: str) -> str:
    local = moment.astimezone(_zone(zone))
    at = local.strftime("%H:%M:%S" if local.second else "%H:%M")
    return f"Due at {at} ({zone})"


def line_of(text: str) -> str:
    """As it stands in the text; empty where there is none."""
    found = LINE.search(text)
    return found[0].lstrip("\n") if found else ""


def with_line(text: str, line: str) -> str:
    """The text with this as its last line, in place of an older one."""
    return f"{without_line(text)}\n{line}".strip("\n")


def without_line(text: str) -> str:
    return LINE.sub("", text).rstrip("\n")


def moment_of(text: str, day: date | None) -> datetime | None:
    """When a task with this description and day is due."""
    if day is None:
        return None
    found = LINE.search(text)
    at = time.fromisoformat(found["hour"]) if found else EVENING
    zone = _zone(found["zone"]) if found else _zone("UTC")
    return datetime.combine(day, at, zone).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
