"""Our key on a task: a field of its own with unique values, where the account lets us make it,
else a line at the end of the task's text."""

import re
from functools import cached_property

from msgspec import Struct

from connectors import markup
from connectors.errors import NotFound, NotPermitted, Rejected
from connectors.hubspot.mapping import TASKS
from connectors.hubspot.rows import PropertyRow
from connectors.hubspot.wire import Hub

FIELD = "retro_key"
WORD = "retro-key"
LINE = re.compile(rf"^{WORD}: (.+)$", flags=re.MULTILINE)


class Group(Struct, frozen=True):
    name: str


class GroupsAnswer(Struct, frozen=True):
    results: list[Group]


class Keys:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._made = False

    @cached_property
    def _found(self) -> bool:
        """Without unique values the field proves nothing, and without the right to see it neither
        can it be searched by."""
        try:
            answer = self._hub.api.get(self._hub.crm("properties", TASKS, FIELD))
        except (NotFound, NotPermitted):
            return False
        return answer.decode(PropertyRow).has_unique_value

    @property
    def has_field(self) -> bool:
        return self._made or self._found

    @cached_property
    def prepared(self) -> bool:
        """The same before a write, which makes the field on first use. Safe to repeat."""
        if not self.has_field:
            self._made = self._make()
        return self.has_field

    def _make(self) -> bool:
        try:
            groups = self._hub.api.get(self._hub.crm("properties", TASKS, "groups"))
            named = groups.decode(GroupsAnswer).results
            field = {
                "groupName": named[0].name if named else "task",
                "name": FIELD,
                "label": "Retro ROI key",
                "type": "string",
                "fieldType": "text",
                "hasUniqueValue": True,
            }
            path = self._hub.crm("properties", TASKS)
            answer = self._hub.api.post(path, field, repeatable=True)
            return answer.decode(PropertyRow).has_unique_value
        except Rejected:
            # Made meanwhile by another process, or by a call whose answer was lost.
            vars(self).pop("_found", None)
            return self._found
        except (NotPermitted, NotFound):
            return False


def to_html(text: str, key: str | None = None, held: str | None = None) -> str:
    """A text as the body of a task, with the key as its last line where there is no field. Of the
    body that is `held`, what people formatted stays."""
    return markup.rewritten(held or "", text, None if key is None else f"{WORD}: {key}")


def from_html(body: str | None) -> tuple[str, str | None]:
    """The text of a body without its key line, and the key of that line."""
    plain = markup.plain(body or "")
    found = LINE.search(plain)
    if found is None:
        return plain.strip(), None
    return LINE.sub("", plain).strip(), found[1].strip()
