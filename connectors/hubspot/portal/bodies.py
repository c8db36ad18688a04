"""Bodies as the interface description has them: an unknown field, a wrong type or a missing one is
refused."""

from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct, field

from connectors.hubspot.portal.errors import invalid
from connectors.hubspot.portal.store import Values
from connectors.sandbox.asgi import Request

T = TypeVar("T")
Operator = Literal[
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
]
Kinds = dict[str, Literal["text", "number", "flag", "list"]]


class Strict(Struct, forbid_unknown_fields=True, rename="camel"):
    pass


class Filter(Strict):
    property_name: str
    operator: Operator
    value: str | None = None
    high_value: str | None = None
    values: list[str] | None = None


class FilterGroup(Strict):
    filters: list[Filter]


class Sort(Strict):
    property_name: str
    direction: Literal["ASCENDING", "DESCENDING"]


class SearchBody(Strict):
    filter_groups: list[FilterGroup]
    properties: list[str]
    sorts: list[Sort]
    limit: int
    after: str
    query: str | None = None


class Identified(Strict):
    id: str


class BatchReadBody(Strict):
    inputs: list[Identified]
    properties: list[str]
    properties_with_history: list[str]
    id_property: str | None = None


class ArchiveBody(Strict):
    inputs: list[Identified]


class LinkType(Strict):
    association_category: Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"]
    association_type_id: int


class LinkTo(Strict):
    to: Identified
    types: list[LinkType]


class CreateBody(Strict):
    properties: Values
    associations: list[LinkTo]
    object_write_trace_id: str | None = None


class BatchCreateBody(Strict):
    inputs: list[CreateBody]


class UpdateBody(Strict):
    properties: Values
    object_write_trace_id: str | None = None


class LinkInput(Strict):
    id: str
    after: str | None = None


class LinksBody(Strict):
    inputs: list[LinkInput]


class PropertyBody(Strict):
    group_name: str
    name: str
    label: str
    type: Literal["bool", "date", "datetime", "enumeration", "number", "phone_number", "string"]
    field_type: Literal[
        "booleancheckbox", "checkbox", "date", "number", "radio", "select", "text", "textarea"
    ]
    has_unique_value: bool = False
    description: str = ""
    display_order: int = -1
    form_field: bool = False
    hidden: bool = False
    options: list[Any] = field(default_factory=list)


def body_of(request: Request, kind: type[T]) -> T:
    """Raises Refused."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise invalid("Invalid input JSON: Content-Type must be application/json")
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise invalid(f"Invalid input JSON: {error}") from error


class Query:
    """The parameters that a route knows. Raises Refused for any other, and for a wrong type."""

    def __init__(self, request: Request, known: Kinds) -> None:
        self._pairs = parse_qsl(request.query, keep_blank_values=True)
        for name, value in self._pairs:
            if name not in known:
                raise invalid(f"unknown query parameter {name}", [name])
            if known[name] == "number" and not value.isdecimal():
                raise invalid(f"{name} must be an integer", [name])
            if known[name] == "flag" and value not in ("true", "false"):
                raise invalid(f"{name} must be a boolean", [name])

    def text(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._pairs if key == name), default)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = int(self.text(name, str(default)))
        if not least <= value <= most:
            raise invalid(f"{name} must be between {least} and {most}", [name])
        return value

    def flag(self, name: str) -> bool:
        return self.text(name) == "true"

    def many(self, name: str) -> list[str]:
        """Repeated, or in one with commas between."""
        values = [value for key, value in self._pairs if key == name]
        return [one for value in values for one in value.split(",") if one]
