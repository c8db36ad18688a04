"""Operations: what one costs, takes, and does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.pipedrive.portal.company import Company, Row
from connectors.pipedrive.portal.schema import Fields


@dataclass
class Call:
    """A call whose parameters and body were read. `value` is the id in its path."""

    company: Company
    user: Row
    admin: bool
    value: str
    query: dict[str, Any]
    body: dict[str, Any]


@dataclass(frozen=True)
class Result:
    data: Any
    additional: dict[str, Any] | None = None
    status: int = 200


@dataclass(frozen=True)
class Operation:
    """`scope` is what an app's token needs; `body` None takes none."""

    cost: int
    scope: str
    run: Callable[[Call], Result]
    query: Fields = field(default_factory=lambda: Fields({}))
    body: Fields | None = None


Operations = Mapping[tuple[str, str], Operation]
