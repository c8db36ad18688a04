"""Seeded deals, leads and contacts."""

from array import array
from itertools import accumulate
from random import Random

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.generated import (
    MAYBE,
    MAYBE_TIME,
    PLAIN,
    SINCE,
    TAIL,
    TIME,
    UNTIL,
    Generated,
    Value,
    holed_ids,
    random_words,
)
from connectors.bitrix24.portal.shapes import DAY, FINAL, Shape, template_of
from connectors.bitrix24.portal.zone import PortalZone

# The longest a seeded item can go on after its creation: moves, jitter and late edits.
TAIL_DAYS = 100
WEEK = 7 * DAY
ASIDE = 0.01


class Items(Generated):
    """What leads and deals share: creation in the order of ids, moves, later edits."""

    def __init__(
        self, zone: PortalZone, count: int, first_id: int, shapes: list[Shape], random: Random
    ) -> None:
        super().__init__(zone)
        self.ids = holed_ids(count, first_id, random)
        self._moves = [shape.moves for shape in shapes]
        self._last = [shape.moves[-1].after if shape.moves else 0 for shape in shapes]
        self.shapes: list[Row] = [shape.row for shape in shapes]
        self.words = random_words(count, random)
        self._shape = array("H", (word % len(shapes) for word in self.words))
        self.move_ends: array[int] = array("q")
        self.created: array[int] = array("q")
        self.moved: array[int] = array("q")
        self.updated: array[int] = array("q")
        self._set_moments()

    def shape_of(self, position: int) -> int:
        return self._shape[position]

    def moves(self, position: int) -> tuple[tuple[int, int], ...]:
        """(index of the move in the shape, moment) of each row of stage history."""
        created = self.created[position]
        steps = self._moves[self._shape[position]]
        shift = self.moved[position] - created - self._last[self._shape[position]]
        return tuple(
            (number, created + step.after + (shift if step.after else 0))
            for number, step in enumerate(steps)
        )

    def column(self, name: str) -> "array[int]":
        held = {
            "createdTime": self.created,
            "movedTime": self.moved,
            "updatedTime": self.updated,
            "lastActivityTime": self.updated,
        }
        return held[name] if name in held else super().column(name)

    def ended(self, row_id: int) -> int | None:
        """When the seeded history has the item end, None while it is open."""
        position = self.position(row_id)
        if position is None:
            return None
        steps = self._moves[self._shape[position]]
        moment = None
        for number, at in self.moves(position):
            moment = still_ended(moment, steps[number].type_id, steps[number].semantics, at)
        return moment

    def _set_moments(self) -> None:
        """When each row was created, last moved and last updated."""
        total = len(self.ids)
        span = UNTIL - TAIL_DAYS * DAY - SINCE
        for position, (word, shape) in enumerate(zip(self.words, self._shape, strict=True)):
            created = SINCE + position * span // total + (word >> 11 & 0x3FFF)
            last = self._last[shape]
            moved = created + last + (word >> 25 & 0xFFFF) if last else created
            kind = word >> 41 & 0xF
            updated = moved if kind < 5 else moved + (word >> 45) % (14 * DAY)
            if kind >= 14:
                # A weekly bulk edit: more rows share one moment than a page holds.
                updated += WEEK - updated % WEEK
            self.created.append(created)
            self.moved.append(moved)
            self.updated.append(updated)

    def _count_moves(self) -> None:
        """Prefix sums of the rows of history. Rows hidden by rights hide their history as well."""
        lengths = [len(moves) for moves in self._moves]
        hidden = self.hidden
        self.move_ends = array(
            "q",
            accumulate(
                0 if id_ in hidden else lengths[shape]
                for id_, shape in zip(self.ids, self._shape, strict=True)
            ),
        )


def still_ended(ended: int | None, type_id: int, semantics: str, at: int) -> int | None:
    """When an item ended that had ended at `ended` before this move. Only a move into a final stage
    ends it, unlike a change of pipeline, and only one that was open."""
    if semantics == "P":
        return None
    return at if ended is None and type_id == FINAL else ended


class SeededDeals(Items):
    """`kept` deals, and on top about 1 % recurring templates and 1 % hidden by rights."""

    def __init__(
        self,
        zone: PortalZone,
        kept: int,
        shapes: list[Shape],
        contacts: Generated,
        leads: Generated,
        random: Random,
    ) -> None:
        aside = max(1, int(kept * ASIDE)) if kept else 0
        plain = len(shapes)
        super().__init__(zone, kept + 2 * aside, 1201, shapes, random)
        self.live = {
            "id": PLAIN,
            "title": TAIL,
            "opportunity": PLAIN,
            "createdTime": TIME,
            "updatedTime": TIME,
            "movedTime": TIME,
            "begindate": TIME,
            "closedate": TIME,
            "contactId": PLAIN,
            "contactIds": PLAIN,
            "leadId": MAYBE,
            "lastActivityTime": TIME,
            "ufCrm_1747309879": TAIL,
        }
        self._contacts = contacts.ids
        self._leads = array("q", (id_ for id_ in leads.ids if id_ not in leads.hidden))
        chosen = random.sample(range(len(self.ids)), 2 * aside)
        self.hidden = frozenset(self.ids[position] for position in chosen[:aside])
        self._add_templates(shapes, chosen[aside:], plain)
        self._count_moves()

    def _add_templates(self, shapes: list[Shape], positions: list[int], plain: int) -> None:
        templates = [template_of(shape) for shape in shapes]
        self.shapes += [shape.row for shape in templates]
        self._last += self._last
        self._moves += [shape.moves for shape in templates]
        for position in positions:
            self._shape[position] += plain

    def values(self, position: int) -> tuple[Value, ...]:
        word = self.words[position]
        created = self.created[position]
        updated = self.updated[position]
        day = created - created % DAY
        contact, contacts, lead = 0, [], None
        if word >> 16 & 3 and self._contacts:
            contact = self._contacts[(word >> 18) % len(self._contacts)]
            contacts = [contact]
            if word >> 13 & 7 == 0 and len(self._contacts) > 1:
                other = self._contacts[((word >> 18) + 1) % len(self._contacts)]
                contacts = [contact, other]
        if word >> 51 & 7 < 3 and self._leads:
            lead = self._leads[(word >> 22) % len(self._leads)]
        id_ = self.ids[position]
        return (
            id_,
            id_,
            _money(word),
            created,
            updated,
            self.moved[position],
            day,
            day + (7 + (word >> 30) % 54) * DAY,
            contact,
            contacts,
            lead,
            updated,
            word >> 40,
        )


class SeededLeads(Items):
    """`kept` leads, and on top about 1 % hidden by rights."""

    def __init__(
        self,
        zone: PortalZone,
        kept: int,
        shapes: list[Shape],
        contacts: Generated,
        random: Random,
    ) -> None:
        aside = max(1, int(kept * ASIDE)) if kept else 0
        super().__init__(zone, kept + aside, 301, shapes, random)
        self.live = {
            "id": PLAIN,
            "title": TAIL,
            "opportunity": PLAIN,
            "createdTime": TIME,
            "updatedTime": TIME,
            "movedTime": TIME,
            "dateClosed": MAYBE_TIME,
            "contactId": PLAIN,
            "contactIds": PLAIN,
            "lastActivityTime": TIME,
        }
        self._contacts = contacts.ids
        self._open = [shape.row["stageSemanticId"] == "P" for shape in shapes]
        positions = random.sample(range(len(self.ids)), aside)
        self.hidden = frozenset(self.ids[position] for position in positions)
        self._count_moves()

    def values(self, position: int) -> tuple[Value, ...]:
        word = self.words[position]
        moved = self.moved[position]
        updated = self.updated[position]
        contact = 0
        if word >> 16 & 1 and self._contacts:
            contact = self._contacts[(word >> 18) % len(self._contacts)]
        id_ = self.ids[position]
        return (
            id_,
            id_,
            _money(word),
            self.created[position],
            updated,
            moved,
            None if self._open[self._shape[position]] else moved,
            contact,
            [contact] if contact else [],
            updated,
        )


class SeededContacts(Generated):
    """People; created in the order of ids, edited at most a month later."""

    def __init__(self, zone: PortalZone, count: int, shapes: list[Row], random: Random) -> None:
        super().__init__(zone)
        self.live = {
            "id": PLAIN,
            "lastName": TAIL,
            "createdTime": TIME,
            "updatedTime": TIME,
            "lastActivityTime": TIME,
        }
        self.ids = holed_ids(count, 31, random)
        self.shapes = shapes
        self._words = random_words(count, random)
        self._span = UNTIL - TAIL_DAYS * DAY - SINCE

    def shape_of(self, position: int) -> int:
        return self._words[position] % len(self.shapes)

    def values(self, position: int) -> tuple[Value, ...]:
        word = self._words[position]
        created = SINCE + position * self._span // len(self.ids)
        updated = created + (word >> 20) % (30 * DAY)
        return self.ids[position], self.ids[position], created, updated, updated


def _money(word: int) -> int | float:
    """Up to 50,000; one in four with cents, one in sixteen is zero. Whole ones have no fraction."""
    if word >> 60 == 0:
        return 0
    cents = (word >> 33) % 5_000_000
    if word >> 58 & 3 or cents % 100 == 0:
        return cents // 100
    return cents / 100
