"""What `make bench` measures, in this order: a name, the sandbox it needs, and how often.

Light on purpose: whoever starts the measures is their parent, and its memory would be theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What `retro sandbox KIND --json` prints.
Described = dict[str, Any]
# Records that one request brings at most, as each tool documents it.
PAGES = {
    # A batch has 50 commands, a list 50 rows.
    "bitrix24": 2500,
    # A listing. A search has 200, but 5 a second, and no links: those cost a request each 100.
    "hubspot": 100,
    # A list of v2.
    "pipedrive": 500,
    # A query, below what goes by Bulk API.
    "salesforce": 2000,
}
# Requests a second. Salesforce publishes those of a day alone.
RATES = {"bitrix24": 2.0, "hubspot": 10.0, "pipedrive": 10.0}
# Bitrix24 takes so many at once before its rate counts.
BURST = 50
# So many times faster drain the buckets of sandbox and client where tasks are pushed.
FASTER = 50.0


@dataclass(frozen=True)
class Sizes:
    """`many` are the deals of the long pull; `requests` how many requests' worth of deals a tool
    with its published limit gives."""

    records: int = 100_000
    many: int = 1_000_000
    tasks: int = 1_000
    requests: int = 200


@dataclass(frozen=True)
class Wanted:
    """A sandbox. One of `faster` buckets has the published limits."""

    kind: str
    records: Callable[[Sizes], int]
    latency_ms: int = 0
    limit: str = "off"
    faster: float = 1.0


@dataclass(frozen=True)
class Planned:
    """`kept`: its sandbox serves all rounds, since filling it takes long and reading leaves it as
    it was. `once`: it is not measured in each round."""

    name: str
    wanted: Wanted
    kept: bool = False
    once: bool = False


def _records(sizes: Sizes) -> int:
    return sizes.records


def _many(sizes: Sizes) -> int:
    return sizes.many


def _few(_sizes: Sizes) -> int:
    return 100


def _worth(kind: str) -> Callable[[Sizes], int]:
    return lambda sizes: sizes.requests * PAGES[kind]


BITRIX24 = Wanted("bitrix24", _records)
PLAN = (
    Planned("ceiling", BITRIX24, kept=True),
    Planned("pull bitrix24", BITRIX24, kept=True),
    Planned("pull postgresql", BITRIX24, kept=True),
    Planned("pull 50 ms", Wanted("bitrix24", _records, latency_ms=50), kept=True),
    Planned("pull hubspot", Wanted("hubspot", _records), kept=True),
    Planned("pull pipedrive", Wanted("pipedrive", _records), kept=True),
    Planned("pull salesforce", Wanted("salesforce", _records), kept=True),
    Planned("changes", BITRIX24),
    Planned("no change", Wanted("bitrix24", _records, latency_ms=50), kept=True),
    Planned("push", Wanted("bitrix24", _few, faster=FASTER)),
    Planned(
        "limit bitrix24",
        Wanted("bitrix24", _many, latency_ms=50, limit="published"),
        once=True,
    ),
    Planned("limit hubspot", Wanted("hubspot", _worth("hubspot"), limit="published"), once=True),
    Planned(
        "limit pipedrive", Wanted("pipedrive", _worth("pipedrive"), limit="published"), once=True
    ),
    # Half as many: above 200,000 it would go by Bulk API.
    Planned(
        "limit salesforce",
        Wanted("salesforce", lambda sizes: sizes.requests * 1000, limit="published"),
        once=True,
    ),
)
