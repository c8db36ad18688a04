"""Stage history and activities that seeded leads and deals have, made on demand as they are."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from random import Random

from connectors.bitrix24.portal.company import stage_id
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.generated import (
    DIGITS,
    PLAIN,
    TIME,
    Generated,
    HoledRange,
    Value,
    random_words,
)
from connectors.bitrix24.portal.schema import DEAL, LEAD, Field, Schema
from connectors.bitrix24.portal.seeded import Items
from connectors.bitrix24.portal.shapes import DAY, Move, Shape
from connectors.bitrix24.portal.zone import PortalZone


def _schema(text: str) -> Schema:
    pairs = (word.split(":") for word in text.split())
    return Schema(0, tuple(Field(name, kind, name) for name, kind in pairs))


HISTORY = _schema(
    """ID:integer TYPE_ID:integer OWNER_ID:integer CREATED_TIME:datetime CATEGORY_ID:integer
    STAGE_SEMANTIC_ID:string STAGE_ID:string"""
)
LEAD_HISTORY = _schema(
    """ID:integer TYPE_ID:integer OWNER_ID:integer CREATED_TIME:datetime
    STATUS_SEMANTIC_ID:string STATUS_ID:string"""
)
ACTIVITIES = _schema(
    """ID:digits OWNER_ID:digits OWNER_TYPE_ID:digits TYPE_ID:digits PROVIDER_ID:string
    PROVIDER_TYPE_ID:string SUBJECT:string DESCRIPTION:string DIRECTION:digits CREATED:datetime
    START_TIME:datetime END_TIME:datetime DEADLINE:datetime COMPLETED:string RESPONSIBLE_ID:digits
    AUTHOR_ID:digits LAST_UPDATED:datetime ORIGINATOR_ID:string ORIGIN_ID:string"""
)
FIRST_HISTORY_ID = 9001
FIRST_ACTIVITY_ID = 4001
MEETING, CALL, EMAIL, OTHER = 1, 2, 4, 6
PROVIDERS = {
    MEETING: ("CRM_MEETING", "MEETING", "Meeting"),
    CALL: ("VOXIMPLANT_CALL", "CALL", "Call"),
    EMAIL: ("CRM_EMAIL", "EMAIL", "E-mail"),
    OTHER: ("IMOPENLINES_SESSION", "1", "Chat"),
}
# Kind, direction and whether it is done: calls and meetings may be planned only.
ACTIVITY_KINDS = (
    (CALL, 2, "Y"),
    (CALL, 2, "N"),
    (CALL, 1, "Y"),
    (EMAIL, 2, "Y"),
    (EMAIL, 1, "Y"),
    (MEETING, 2, "Y"),
    (MEETING, 2, "N"),
    (OTHER, 1, "Y"),
)


class SeededHistory(Generated):
    """The rows of `crm.stagehistory.list` for seeded items, grouped by item."""

    def __init__(
        self, zone: PortalZone, items: Items, shapes: list[Shape], entity_type_id: int
    ) -> None:
        super().__init__(zone)
        self.live = {"ID": PLAIN, "OWNER_ID": PLAIN, "CREATED_TIME": TIME}
        total = items.move_ends[-1] if items.move_ends else 0
        self.ids = HoledRange(FIRST_HISTORY_ID, total)
        self._items = items
        self._first_shape: list[int] = []
        self.shapes: list[Row] = []
        for shape in shapes:
            self._first_shape.append(len(self.shapes))
            self.shapes += [_history_row(move, entity_type_id) for move in shape.moves]

    def shape_of(self, position: int) -> int:
        item, number = self._owner(position)
        return self._first_shape[self._items.shape_of(item)] + number

    def values(self, position: int) -> tuple[Value, ...]:
        item, number = self._owner(position)
        moment = self._items.moves(item)[number][1]
        return self.ids[position], self._items.ids[item], moment

    def _owner(self, position: int) -> tuple[int, int]:
        """Position of the item, and which of its moves this is."""
        ends = self._items.move_ends
        item = bisect_right(ends, position)
        return item, position - (ends[item - 1] if item else 0)


class SeededActivities(Generated):
    """One activity a readable lead and one for every second deal."""

    def __init__(self, zone: PortalZone, leads: Items, deals: Items, random: Random) -> None:
        super().__init__(zone)
        self.live = {
            "ID": DIGITS,
            "OWNER_ID": DIGITS,
            "CREATED": TIME,
            "START_TIME": TIME,
            "END_TIME": TIME,
            "DEADLINE": TIME,
            "LAST_UPDATED": TIME,
        }
        self._leads, self._deals = leads, deals
        self._of_leads = len(leads.ids)
        count = self._of_leads + len(deals.ids) // 2
        self.ids = HoledRange(FIRST_ACTIVITY_ID, count)
        self._words = random_words(count, random)
        self.shapes = [
            _activity_row(owner_type, *kind, user)
            for owner_type in (LEAD, DEAL)
            for kind in ACTIVITY_KINDS
            for user in range(1, 12)
        ]
        self.hidden = frozenset(self.ids[position] for position in self._hidden_positions())

    def shape_of(self, position: int) -> int:
        half = len(self.shapes) // 2
        return self._words[position] % half + (half if position >= self._of_leads else 0)

    def values(self, position: int) -> tuple[Value, ...]:
        items, at = self._owner(position)
        word = self._words[position]
        started = items.created[at] + 60 + (word >> 20) % (20 * DAY)
        ended = started + (word >> 45) % 1800
        created = ended + 10
        id_ = self.ids[position]
        return id_, items.ids[at], created, started, ended, ended, created

    def _hidden_positions(self) -> Iterator[int]:
        yield from (bisect_left(self._leads.ids, id_) for id_ in self._leads.hidden)
        for id_ in self._deals.hidden:
            deal = bisect_left(self._deals.ids, id_)
            if deal % 2 == 0 and deal < len(self._deals.ids) // 2 * 2:
                yield self._of_leads + deal // 2

    def _owner(self, position: int) -> tuple[Items, int]:
        if position < self._of_leads:
            return self._leads, position
        return self._deals, (position - self._of_leads) * 2


def _history_row(move: Move, entity_type_id: int) -> Row:
    row: Row = {"ID": 0, "TYPE_ID": move.type_id, "OWNER_ID": 0, "CREATED_TIME": 0}
    if entity_type_id == LEAD:
        return row | {"STATUS_SEMANTIC_ID": move.semantics, "STATUS_ID": move.stage}
    return row | {
        "CATEGORY_ID": move.category,
        "STAGE_SEMANTIC_ID": move.semantics,
        "STAGE_ID": stage_id(move.category, move.stage),
    }


def _activity_row(owner_type: int, kind: int, direction: int, completed: str, user: int) -> Row:
    provider, provider_type, subject = PROVIDERS[kind]
    return dict.fromkeys(ACTIVITIES.by_name) | {
        "OWNER_TYPE_ID": owner_type,
        "TYPE_ID": kind,
        "PROVIDER_ID": provider,
        "PROVIDER_TYPE_ID": provider_type,
        "SUBJECT": subject,
        "DESCRIPTION": "",
        "DIRECTION": direction,
        "COMPLETED": completed,
        "RESPONSIBLE_ID": user,
        "AUTHOR_ID": user,
    }
