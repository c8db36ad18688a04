"""Every knob of the sandbox org."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class SandboxOptions:
    """How the org is filled and how it behaves.

    records: opportunities a connector must keep; half as many leads; deleted ones on top.
    page_rows: most rows of a page; wide rows come in smaller ones than the documented 2,000.
    commit_seconds: how long after its stamp a user's change can be seen, as in a long transaction.
    limit: "published" (`per_day` in any 24 hours of the org's clock) or "off".
    versions: those the org offers, the oldest and the newest.
    hidden: fields the integration user cannot see, as `Object.Field`; without: objects.
    custom: further text fields of leads and opportunities.
    key_field: what the task field for our key is: "unique" (and an external id), "external" (and
    not unique), "plain" or "none".
    targets, quotas: whether the org has the object for KPI targets, and Collaborative Forecasts.
    currencies: whether the org has several.
    instance: host name that answers API calls, where it is not that of the token's address.
    session_seconds: life of an access token, on the org's clock; rotating: whether a renewal
    spends the refresh token. certificate: public key (PEM) of JWT clients.
    redirects: addresses that the app is registered with. code_seconds: life of a consent's code.
    bulk_seconds: how long a Bulk job takes, on the org's clock.
    start_at: the clock's first moment (machine time when None); frozen: it stands still.
    """

    records: int = 200
    seed: int = 7
    latency_ms: float = 0.0
    command_ms: float = 0.0
    limit: str = "published"
    per_day: int = 15_000
    faults: Sequence[dict[str, Any]] = ()
    page_rows: int = 2000
    commit_seconds: float = 0.0
    versions: tuple[int, int] = (41, 68)
    hidden: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    custom: Sequence[str] = ("Retro_Region__c", "UTM_Campaign__c")
    key_field: str = "unique"
    targets: bool = True
    quotas: bool = True
    currencies: bool = False
    organization_type: str = "Developer Edition"
    zone: str = "Europe/Paris"
    instance: str = ""
    session_seconds: int = 7200
    rotating: bool = True
    redirects: Sequence[str] = ("http://localhost:8401/oauth/callback",)
    code_seconds: float = 900.0
    certificate: str = ""
    bulk_seconds: float = 60.0
    start_at: datetime | None = None
    frozen: bool = False
