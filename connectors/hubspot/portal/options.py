"""Every knob of the sandbox account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ALL_SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.leads.read",
    "crm.objects.leads.write",
    "crm.objects.goals.read",
    "crm.objects.goals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.deals.read",
    "marketing.campaigns.read",
    "marketing.campaigns.revenue.read",
)
# Requests in 10 seconds and a day.
PLANS = {
    "starter": (100, 250_000),
    "professional": (190, 625_000),
    "enterprise": (190, 1_000_000),
    "public_app": (110, 1_000_000),
}


@dataclass(frozen=True)
class SandboxOptions:
    """How the account is filled and how it behaves.

    records: deals a connector must keep; half as many leads and contacts; archived ones on top.
    index_seconds: how long a search takes to show a change, on the account's clock.
    search_cap: rows that one search can reach by paging.
    limit: "published" (of `plan`) or "off". per_day: the daily limit, that of the plan when None.
    task_fields: whether tasks take fields of one's own with unique values.
    required: properties that the account's own rules ask of every new task.
    access_seconds: life of an app's access token, on the account's clock.
    rotating: whether the renewal of a token spends the refresh token.
    redirects: addresses that the app is registered with. code_seconds: life of a consent's code.
    start_at: the clock's first moment (machine time when None); frozen: it stands still.
    """

    records: int = 200
    seed: int = 7
    latency_ms: float = 0.0
    command_ms: float = 0.0
    limit: str = "published"
    plan: str = "starter"
    per_day: int | None = None
    faults: Sequence[dict[str, Any]] = ()
    version: str = "2026-03"
    index_seconds: float = 5.0
    search_cap: int = 10_000
    task_fields: bool = True
    required: Sequence[str] = ()
    scopes: Sequence[str] = ALL_SCOPES
    portal_id: int = 7000001
    zone: str = "Europe/Paris"
    currency: str = "EUR"
    account_type: str = "DEVELOPER_TEST"
    access_seconds: int = 1800
    rotating: bool = False
    redirects: Sequence[str] = ("http://localhost:8401/oauth/callback",)
    code_seconds: float = 600.0
    start_at: datetime | None = None
    frozen: bool = False
