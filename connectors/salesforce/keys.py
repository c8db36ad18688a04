"""Our key on a task, in the best place that the org has: a field that is an external id with unique
values, a plain field, else the end of the subject, since long texts cannot be searched."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import quote_plus

from connectors.markers import marked, unmarked
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.facts import Facts
from connectors.salesforce.mapping import TASK
from connectors.salesforce.wire import quoted

MARK = re.compile(r"^(.*?) ?\[rr:([^\]]+)\]$", flags=re.DOTALL)
MARKED = "%[rr:%]"
ANY_SIGN = re.compile(r"[%_\\]")
LONGEST_SUBJECT = 255
# Of the 16,384 bytes of an address; a query has other words too.
ROOM = 12_000


class Keys:
    def __init__(self, facts: Facts, config: SalesforceConfig) -> None:
        self._facts = facts
        self.name = config.key_field

    @cached_property
    def field(self) -> str | None:
        """The field that takes the key; it must be writable."""
        row = self._facts.fields(TASK).get(self.name)
        return self.name if row is not None and row.createable else None

    @property
    def is_unique(self) -> bool:
        """Whether a write by the key makes no twin."""
        row = self._facts.fields(TASK).get(self.name)
        return self.field is not None and row is not None and row.external_id and row.unique

    @property
    def any_key(self) -> str:
        """The condition of tasks with any key."""
        if self.field is not None:
            return f"{self.field} != null"
        return f"Subject LIKE {quoted(MARKED)}"

    def conditions(self, keys: Sequence[str]) -> Sequence[str]:
        """Of the tasks with these keys: as many of them in one as an address has room for."""
        if self.field is not None:
            return [f"{self.field} IN ({some})" for some in _joined(map(quoted, keys), ", ")]
        # As it is written now, and as it stood in the subject before.
        ends = [dict.fromkeys((_ending(_mark(key)), _ending(f"[rr:{key}]"))) for key in keys]
        likes = (f"Subject LIKE {quoted(end)}" for several in ends for end in several)
        return [f"({some})" for some in _joined(likes, " OR ")]

    def subject(self, title: str, key: str) -> str:
        """A mark must be whole to be found: a long title is cut, not it."""
        if self.field is not None:
            return title[:LONGEST_SUBJECT]
        mark = _mark(key)
        return f"{title[: LONGEST_SUBJECT - len(mark) - 1]} {mark}"

    def read(self, subject: str, held: str | None) -> tuple[str, str | None]:
        """The title without a mark, and the key. `held` is what the field holds."""
        found = MARK.match(subject)
        if held or found is None:
            return subject, held or None
        return found[1], unmarked(found[2])


def _joined(texts: Iterable[str], between: str) -> Iterator[str]:
    room, some = 0, list[str]()
    for text in texts:
        taken = len(quote_plus(f"{text}{between}"))
        if some and taken > room:
            yield between.join(some)
            room, some = 0, []
        room = (room if some else ROOM) - taken
        some.append(text)
    if some:
        yield between.join(some)


def _mark(key: str) -> str:
    return f"[rr:{marked(key)}]"


def _ending(mark: str) -> str:
    """A pattern of any subject with this mark, and of few others: signs of patterns stand for any
    one character, themselves among them. Whoever reads the rows compares the keys."""
    return f"%{re.sub(ANY_SIGN, '_', mark)}"
