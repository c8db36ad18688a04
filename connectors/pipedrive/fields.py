"""The fields of deals, which leads share, as Pipedrive describes them."""

from collections.abc import Sequence

from msgspec import Struct

from connectors.models import Stream
from connectors.pipedrive.wire import Company
from connectors.port import RemoteField


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
    return [
        RemoteField(
            name=row.field_code,
            title=row.field_name or "",
            type=row.field_type or "",
            custom=bool(row.is_custom_field),
        )
        for row in rows
        # Without its key a field cannot be asked for.
        if row.is_custom_field or stream is Stream.DEALS
    ]
