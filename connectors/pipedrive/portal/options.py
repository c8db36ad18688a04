"""Every knob of the sandbox company."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What a plan multiplies the daily tokens by, and its requests in a rolling window of 2 seconds.
PLANS = {"lite": (1, 20), "growth": (2, 40), "premium": (5, 100), "ultimate": (7, 120)}
ALL_SCOPES = (
    "base",
    "deals:full",
    "leads:full",
    "activities:full",
    "contacts:full",
    "users:read",
    "goals:full",
    "recents:read",
    "admin",
)


@dataclass(frozen=True)
class SandboxOptions:
    """How the company is filled and how it behaves.

    records: deals a connector must keep; half as many leads; archived and deleted ones come on top.
    limit: "published" (tokens a day and requests in 2 seconds of `plan` and `seats`) or "off".
    tokens: another daily budget than the plan's. daily_headers: whether answers tell of it.
    page: the largest page of a list. purge_days: how long a deleted record can be asked for.
    block_after: refused requests within a minute after which the CDN answers, for `block_seconds`.
    scopes: of an app's token. access_seconds: its life, on the company's clock.
    redirects: addresses that the app is registered with. code_seconds: life of a consent's code.
    start_at: the clock's first moment (machine time when None); frozen: it stands still.
    """

    records: int = 1000
    seed: int = 7
    latency_ms: float = 0.0
    command_ms: float = 0.0
    limit: str = "published"
    plan: str = "lite"
    seats: int = 1
    tokens: int | None = None
    daily_headers: bool = True
    page: int = 500
    purge_days: int = 30
    block_after: int = 200
    block_seconds: float = 1800.0
    faults: Sequence[dict[str, Any]] = ()
    scopes: Sequence[str] = ALL_SCOPES
    admin: bool = True
    access_seconds: int = 3600
    redirects: Sequence[str] = ("http://localhost:8401/oauth/callback",)
    code_seconds: float = 300.0
    start_at: datetime | None = None
    frozen: bool = False
