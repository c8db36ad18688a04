"""Every knob of the sandbox portal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connectors.bitrix24.portal.data import PortalData

ALL_SCOPES = (
    "crm",
    "task",
    "tasks",
    "user_brief",
    "user_basic",
    "userfieldconfig",
    "im",
    "lists",
    "telephony",
)
PLAN_BUCKETS = {"standard": (50.0, 2.0), "enterprise": (250.0, 5.0)}


@dataclass(frozen=True)
class SandboxOptions:
    """How the portal is filled and how it behaves.

    records: deals a connector must keep; half as many leads; recurring templates and rows hidden
        by rights come on top. Ignored where `data` brings its own rows.
    latency_ms: added to every request. command_ms: server time of every call, also inside a batch;
        awaited, so concurrent requests overlap; reported as `processing` and `operating`.
    billed_seconds: operating time that every call costs without taking it, on the portal's clock,
        which may be set ahead: so that ten minutes of it need not pass.
    late_moves: whether some seeded deals moved on after they ended, so that their history alone
        tells when that was.
    limit: "published" (bucket and operating time of `plan`) or "off". count_refused: whether a
        request that the bucket refuses adds to it, as the documentation's "each request" says.
    request_seconds: longest time of one request with all its commands; longer ones are cut off by
        a web page with status 504, and what was done until then stays done.
    batch_billing: who pays operating time for a batch, "nested" (documentation) or "batch"
        (measured on self-hosted portals); `operating_reported` off leaves the figures out.
    faults: a fault plan, see `connectors.sandbox.faults`.
    zone: name of the portal's server zone; "+03:00" style offsets work as well.
    moments: what filters read of an ISO text: "whole"; "no_offset", which takes its clock time for
        the portal's own; "date_only". "2026-08-20 12:50:00" is read right by all of them.
    task_filters: what `tasks.task.list` filters by: "documented" fields only, the others being
        ignored, or "any" field, as clients report of `UF_*`.
    admins: ids of the users that may change the portal itself (smart processes, user fields).
    rest_disabled: a portal without REST subscription. simple_mode: leads do not persist.
    smart_type_limit, smart_item_limit: plan restrictions on smart processes.
    access_seconds: life of an application's access token, on the portal's clock.
    redirects: where the application's card sends a browser. code_seconds: life of a code.
    start_at: the clock's first moment (machine time when None); frozen: it stands still.
    """

    records: int = 1000
    seed: int = 7
    late_moves: bool = False
    data: PortalData | None = None
    latency_ms: float = 0.0
    command_ms: float = 0.0
    billed_seconds: float = 0.0
    limit: str = "published"
    plan: str = "standard"
    count_refused: bool = True
    request_seconds: float = 60.0
    operating_limit: float = 480.0
    operating_reported: bool = True
    batch_billing: str = "nested"
    faults: Sequence[dict[str, Any]] = ()
    zone: str = "+03:00"
    moments: Literal["whole", "no_offset", "date_only"] = "whole"
    scopes: Sequence[str] = ALL_SCOPES
    user_id: int = 1
    admins: Sequence[int] = (1,)
    task_filters: Literal["documented", "any"] = "documented"
    webhook_code: str | None = None
    member_id: str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    application_token: str | None = None
    host: str = "portal.example"
    rest_disabled: bool = False
    simple_mode: bool = False
    smart_type_limit: int = 100
    smart_item_limit: int = 100_000
    required_task_fields: Sequence[str] = field(default_factory=tuple)
    access_seconds: int = 3600
    redirects: Sequence[str] = ("http://localhost:8401/oauth/callback",)
    code_seconds: float = 30.0
    start_at: datetime | None = None
    frozen: bool = False
