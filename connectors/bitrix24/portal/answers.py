"""What a method returns, before it is put into an envelope."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.table import PAGE, Table

Params = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    result: Any
    total: int | None = None
    next: int | None = None


@dataclass(frozen=True)
class Credential:
    """Who calls: a webhook or an app with a token of a user."""

    kind: str
    user_id: int
    scopes: frozenset[str]

    @property
    def key(self) -> str:
        """Whose server time is counted."""
        return f"{self.kind}:{self.user_id}"


class Rows:
    """Rows of a page, rendered at once; single ones are looked up for `$result` references."""

    def __init__(self, table: Table, ids: list[int], names: tuple[str, ...]) -> None:
        self._texts = table.texts(ids, names)
        self.json = msgspec.Raw(f"[{','.join(self._texts)}]".encode())

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> Row:
        row: Row = msgspec.json.decode(self._texts[index])
        return row


def encode_hook(value: object) -> object:
    """For msgspec: a page goes out as the text it was rendered to."""
    if isinstance(value, Rows):
        return value.json
    raise NotImplementedError(type(value))


@dataclass(frozen=True)
class Paging:
    """`start`: -1 reads without counting, else an offset in steps of the page size."""

    start: int

    @property
    def counted(self) -> bool:
        return self.start >= 0


def paging(params: Params) -> Paging:
    try:
        return Paging(int(params.get("start") or 0))
    except (TypeError, ValueError):
        return Paging(0)


def paged(items: Sequence[Any], page: Paging) -> tuple[Sequence[Any], int, int | None]:
    """(rows of the page, total, next) of a list that is at hand."""
    if not page.counted:
        return items[:PAGE], 0, None
    rest = page.start + PAGE
    return items[page.start : rest], len(items), rest if rest < len(items) else None


def whole(params: Params, name: str, default: int = 0) -> int:
    """A parameter as a number; 0 or the default for anything else."""
    try:
        return int(params.get(name, default))
    except (TypeError, ValueError):
        return default


def listed(value: object) -> list[Any]:
    """PHP sees lists and maps alike."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def mapped(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return (
        {str(number): item for number, item in enumerate(value)} if isinstance(value, list) else {}
    )
