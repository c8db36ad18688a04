"""Figures, days and moments as the pages write them, in the workspace's time zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from rules.figure_words import percent, round_percent
from rules.language import Language, day, number

NO_BREAK = "\u00a0"
NARROW_NO_BREAK = "\u202f"
# Two digits: a target of +15 % on a rate of 2.50 % must not vanish in the rounding.
RATE_DIGITS = 2


def count(n: int, language: Language) -> str:
    """`100,000`, in French with narrow no-break spaces."""
    return f"{n:,}" if language == "en" else f"{n:,}".replace(",", NARROW_NO_BREAK)


@dataclass(frozen=True)
class Figures:
    language: Language
    zone: ZoneInfo

    def count(self, n: int) -> str:
        return count(n, self.language)

    def day(self, value: date) -> str:
        return day(value, self.language)

    def rate(self, share: float) -> str:
        """0.025 as `2.50 %`."""
        return _unbroken(percent(share, self.language, digits=RATE_DIGITS))

    def step(self, relative: float) -> str:
        """0.15 as `+15 %`."""
        return _unbroken(round_percent(relative, self.language, sign=True))

    def moment(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{day(local.date(), self.language)}{NO_BREAK}{local:%H:%M}"

    def duration(self, seconds: float) -> str:
        tenths = round(seconds, 1)
        if tenths < 60:
            return f"{number(tenths, self.language)}{NO_BREAK}s"
        minutes = round(seconds / 60)
        if minutes < 60:
            return f"{minutes}{NO_BREAK}min"
        return f"{minutes // 60}{NO_BREAK}h{NO_BREAK}{minutes % 60:02d}"


def age(since: datetime, now: datetime) -> tuple[str, int]:
    """In the largest unit that fits: `minutes`, `hours` or `days`, and how many; or `now`."""
    passed = now - since
    for unit, length in (
        ("days", timedelta(days=1)),
        ("hours", timedelta(hours=1)),
        ("minutes", timedelta(minutes=1)),
    ):
        if passed >= length:
            return unit, passed // length
    return "now", 0


def _unbroken(text: str) -> str:
    return text.replace(" ", NO_BREAK)
