"""The fields of deals, which leads share, as Pipedrive describes them."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from connectors.models import Stream
from connectors.pipedrive.wire import Company, listed
from connectors.port import RemoteField, samples_of

# Rows that fields are shown with, and what a list costs.
SAMPLED, LIST = 10, 10


class FieldRow(Struct, frozen=True):
    field_code: str
    field_name: str | None = None
    field_type: str | None = None
    is_custom_field: bool | None = None


def remote_fields(company: Company, stream: Stream) -> Sequence[RemoteField]:
    """None for streams whose fields are not mapped."""
    if stream not in (Stream.DEALS, Stream.LEADS):
        return ()
    rows = company.every("v2/dealFields", list[FieldRow], 10).rows
    page = company.read("v2/deals", {"limit": SAMPLED}, LIST)
    # Custom fields stand apart.
    first = [
        {**deal, **(deal.get("custom_fields") or {})}
        for deal in listed(page.envelope.data, list[dict[str, Any]])
    ]
    return [
        RemoteField(
            name=row.field_code,
            title=row.field_name or "",
            type=row.field_type or "",
            custom=bool(row.is_custom_field),
            samples=samples_of(deal.get(row.field_code) for deal in first),
        )
        for row in rows
        # Without its key a field cannot be asked for.
        if row.is_custom_field or stream is Stream.DEALS
    ]
