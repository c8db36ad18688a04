"""Moments in the portal's server zone: Unix seconds inside, ISO text with offset outside."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

HOUR = 3600
QUARTER = 900
MINUTE_SECOND = [f"{second // 60:02}:{second % 60:02}" for second in range(3600)]


class PortalZone:
    """Renders fast: the text of a stretch of time is made once, offsets change only between two."""

    def __init__(self, zone: tzinfo, moments: str = "whole") -> None:
        self._zone = zone
        self._moments = moments
        self._stretches = Stretches(zone)
        self._length = self._stretches.length

    def text(self, at: int) -> str:
        head, base, tail = self._stretches[at // self._length]
        return f"{head}{MINUTE_SECOND[base + at % self._length]}{tail}"

    def fill(self, values: list[Any], indices: Sequence[int]) -> None:
        """Replaces the moments at these places by their texts: `text` without a call for each."""
        stretches, length, minutes = self._stretches, self._length, MINUTE_SECOND
        for index in indices:
            at = values[index]
            head, base, tail = stretches[at // length]
            values[index] = f"{head}{minutes[base + at % length]}{tail}"

    def literal_or_null(self, at: int | None) -> str:
        """The text as JSON."""
        return "null" if at is None else f'"{self.text(at)}"'

    def parse(self, text: str) -> int:
        """Unix seconds of an ISO text; without an offset it is read in the portal's zone.

        Raises ValueError.
        """
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        return int(moment.timestamp())

    def parse_filter(self, text: str) -> int:
        """As `parse`, or as the portals do that ignore an offset, or cut a text after its date."""
        if self._moments == "whole" or "T" not in text:
            return self.parse(text)
        if self._moments == "no_offset":
            return self.parse(datetime.fromisoformat(text).replace(tzinfo=None).isoformat())
        return self.parse(text.partition("T")[0])

    def parse_date(self, text: str) -> int:
        """Unix seconds of midnight UTC: date-only fields live there in all documented samples.

        Raises ValueError.
        """
        day = date.fromisoformat(text.strip()[:10])
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


class Stretches(dict[int, tuple[str, int, str]]):
    """Number of a stretch since 1970 -> text to the hour, seconds into the hour, offset.

    A stretch is an hour, a quarter of one in zones that are not whole hours off.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self._zone = zone
        offset = datetime.fromtimestamp(0, zone).utcoffset() or timedelta()
        self.length = HOUR if offset.total_seconds() % HOUR == 0 else QUARTER

    def __missing__(self, number: int) -> tuple[str, int, str]:
        moment = datetime.fromtimestamp(number * self.length, self._zone)
        text = moment.isoformat()
        self[number] = parts = text[:14], moment.minute * 60, text[19:]
        return parts
