"""Tasks out, and those of ours in.

A create takes the task whole: fields, links and key go in one call, so that it is findable from
the first moment. A field with unique values refuses its twin; a line in the text does not, so what
no search shows of a lost create is looked up in the listing of all tasks, which never lags.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from connectors.errors import BadResponse, NotFound, Rejected
from connectors.http import remote_now
from connectors.hubspot.keys import FIELD, WORD, Keys, from_html, to_html
from connectors.hubspot.mapping import TASKS, moment
from connectors.hubspot.reading import (
    END,
    UNREADABLE,
    Listing,
    decoded,
    ids_of,
    in_order,
    moved,
    searched,
)
from connectors.hubspot.rows import HistoryRow, Values
from connectors.hubspot.wire import LIST_PAGE, Envelope, Hub, condition, since
from connectors.models import RemoteTask, Task, TaskStatus
from connectors.port import Page, RefusedRecord

MODIFIED = "hs_lastmodifieddate"
STATUS = "hs_task_status"
DUE = "hs_timestamp"
BODY = "hs_task_body"
FIELDS = (
    *(DUE, "hs_task_subject", BODY, STATUS, "hubspot_owner_id"),
    *(MODIFIED, FIELD),
)
STATUSES = {
    "NOT_STARTED": TaskStatus.OPEN,
    "IN_PROGRESS": TaskStatus.IN_PROGRESS,
    "WAITING": TaskStatus.IN_PROGRESS,
    "DEFERRED": TaskStatus.DEFERRED,
    "COMPLETED": TaskStatus.DONE,
}
DONE, OPEN = "COMPLETED", "NOT_STARTED"
# From a task to what it is about.
TO_DEAL, TO_LEAD = 216, 647
# Tasks that stand for KPI targets have keys that begin so; they are nobody's action.
TARGET_KEY = "target:"


class Made(Struct, frozen=True):
    id: str


class Held(Struct, frozen=True):
    properties: Values


class Body(Struct, frozen=True):
    id: str
    properties: Values


# A task, and the key that it carries.
Marked = tuple[Body, str | None]


class Tasks:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.keys = Keys(hub)

    def pages(self, start: datetime | None, position: str) -> Iterator[Page[RemoteTask]]:
        """Those with our key: the search names them, a batch reads them past its index."""
        changed = [] if start is None else [since(MODIFIED, start)]
        groups = [[*changed, condition(BODY, "CONTAINS_TOKEN", WORD)]]
        if self.keys.has_field:
            groups.append([*changed, condition(FIELD, "HAS_PROPERTY")])
        for found in searched(self._hub, TASKS, groups, [], position):
            page = self.by_ids(found.ids)
            yield Page(
                page.records,
                found.position,
                page.refused,
                remote_now(found.answer),
                page.requests + 1,
            )

    def by_ids(self, ids: Sequence[str]) -> Page[RemoteTask]:
        records: list[RemoteTask] = []
        refused: list[RefusedRecord] = []
        batches = self._hub.batch_read(TASKS, ids, FIELDS, history=[STATUS])
        for batch in batches:
            rows = decoded(LISTING, batch.results)
            refused += rows.refused
            for row in rows.good:
                try:
                    task = to_task(row)
                except UNREADABLE as error:
                    raw = msgspec.json.encode(row).decode()
                    refused.append(RefusedRecord(row.id, str(error), raw))
                else:
                    records += [] if task is None else [task]
        return Page(records, position="", refused=refused, requests=len(batches))

    def create(self, task: Task) -> str:
        """Raises OutcomeUnknown when the answer was lost."""
        links = [_link(deal, TO_DEAL) for deal in task.bind_deals]
        links += [_link(lead, TO_LEAD) for lead in task.bind_leads]
        return self.make(task.key, self._fields(task, None, task.key), links)

    def make(self, key: str, fields: Mapping[str, Any], links: Sequence[Any] = ()) -> str:
        new = {"hs_task_type": "TODO", STATUS: OPEN, **fields, **self.key_field(key)}
        try:
            answer = self._hub.api.post(
                self._hub.objects(TASKS), {"properties": new, "associations": list(links)}
            )
        except Rejected:
            # Its twin is refused: then the task is there already.
            found = self._by_field([key]) if self.keys.prepared else []
            if len(found) == 1:
                return found[0].id
            raise
        return answer.decode(Made).id

    def find(self, keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """What the index shows is found at the price of our own tasks. That there is none only the
        listing of all tasks proves, where no field with unique values does: it alone shows those of
        a moment ago, and knows neither a filter nor an order but by id."""
        found: dict[str, list[str]] = {key: [] for key in keys}
        if self.keys.has_field:
            rows = self._by_field(list(found))
            _note(found, ((row, row.properties.get(FIELD)) for row in rows))
        if missing := _missing(found):
            _note(missing, self._searched(missing))
        if not self.keys.has_field and (missing := _missing(found)):
            _note(missing, self._listed())
        return found

    def update(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        """A new text keeps the key that is there, and what people formatted."""
        key, held, marked = task.key, None, {}
        if only is None or "description" in only:
            values = self.values(remote_id, [BODY, FIELD])
            held = values.get(BODY)
            key = values.get(FIELD) or from_html(held)[1] or key
            marked = self.key_field(key)
        self.write(remote_id, {**self._fields(task, only, key, held), **marked})

    def key_field(self, key: str) -> dict[str, str]:
        """Written with the words of a task, a new one's or an older one's: one that was made before
        there was the field has its key among them, and would lose it."""
        return {FIELD: key} if self.keys.prepared else {}

    def write(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        self._hub.api.patch(self._hub.objects(TASKS, remote_id), {"properties": fields})

    def complete(self, remote_id: str) -> None:
        """A task that is completed already is left so."""
        if self.values(remote_id, [STATUS]).get(STATUS) != DONE:
            self.write(remote_id, {STATUS: DONE})

    def reopen(self, remote_id: str) -> None:
        """A task that is not completed is left as it is."""
        if self.values(remote_id, [STATUS]).get(STATUS) == DONE:
            self.write(remote_id, {STATUS: OPEN})

    def delete(self, remote_id: str) -> None:
        """Into the archive, from where people can restore it. One that is gone is left so."""
        with suppress(NotFound):
            self._hub.api.post(
                self._hub.objects(TASKS, "batch", "archive"),
                {"inputs": [{"id": remote_id}]},
                repeatable=True,
            )

    def values(self, remote_id: str, names: Sequence[str]) -> Values:
        """Raises NotFound."""
        path = self._hub.objects(TASKS, remote_id)
        return self._hub.api.get(path, {"properties": list(names)}).decode(Held).properties

    def body(self, text: str, key: str, held: str | None = None) -> str:
        return to_html(text, None if self.keys.prepared else key, held)

    def _fields(
        self, task: Task, only: Collection[str] | None, key: str, held: str | None = None
    ) -> dict[str, Any]:
        fields = {
            "title": ("hs_task_subject", task.title),
            "description": (BODY, self.body(task.description, key, held)),
            "owner": ("hubspot_owner_id", task.owner),
            "due_at": (DUE, moment_text(task.due_at)),
        }
        return dict(pair for name, pair in fields.items() if only is None or name in only)

    def _by_field(self, keys: Sequence[str]) -> list[Body]:
        batches = self._hub.batch_read(TASKS, keys, [FIELD], id_property=FIELD)
        return [row for each in batches for row in _bodies(each.results)]

    def _searched(self, wanted: Collection[str]) -> Iterator[Marked]:
        """By the line. The index may lag behind a delete or an edit, so a batch is asked too."""
        groups = [[condition(BODY, "CONTAINS_TOKEN", WORD)]]
        pages = searched(self._hub, TASKS, groups, [BODY], "")
        lines = (line for page in pages for line in _lines(page.envelope.results))
        shown = [row.id for row, key in lines if key in wanted]
        for batch in self._hub.batch_read(TASKS, shown, [BODY]):
            yield from _lines(batch.results)

    def _listed(self) -> Iterator[Marked]:
        """By the line, of all tasks, oldest first."""
        after, last = "", 0
        while after != END:
            answer = self._hub.api.get(
                self._hub.objects(TASKS),
                {"limit": LIST_PAGE, "after": after or None, "properties": [BODY]},
            )
            envelope = answer.decode(Envelope)
            last = in_order(ids_of(envelope.results), last, TASKS)
            yield from _lines(envelope.results)
            after = moved(envelope.after, after, TASKS)


def to_task(row: HistoryRow) -> RemoteTask | None:
    """None for a task without our key, and for one that stands for a KPI target."""
    values = row.properties
    text, line = from_html(values.get(BODY))
    key = values.get(FIELD) or line
    if key is None or key.startswith(TARGET_KEY):
        return None
    status = values.get(STATUS) or ""
    if status not in STATUSES:
        raise ValueError(f"task status {status!r} is unknown")
    return RemoteTask(
        id=row.id,
        updated_at=moment(values.get(MODIFIED)) or row.updated_at.astimezone(UTC),
        title=values.get("hs_task_subject") or "",
        description=text or None,
        status=STATUSES[status],
        owner=values.get("hubspot_owner_id") or None,
        due_at=moment(values.get(DUE)),
        closed_at=_completed(row) if status == DONE else None,
        created_at=row.created_at.astimezone(UTC),
        key=key,
    )


def moment_text(at: datetime) -> str:
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _completed(row: HistoryRow) -> datetime | None:
    """When it became so: the oldest of the newest versions that say it."""
    at = None
    for version in row.properties_with_history.get(STATUS, []):
        if version.value != DONE:
            break
        at = version.timestamp.astimezone(UTC)
    return at


def _link(to: str, kind: int) -> Mapping[str, Any]:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]
    return {"to": {"id": to}, "types": types}


def _missing(found: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    return {key: ids for key, ids in found.items() if not ids}


def _note(found: Mapping[str, list[str]], rows: Iterable[Marked]) -> None:
    """The ids of those that carry one of the keys."""
    for row, key in rows:
        if key is not None and key in found:
            found[key].append(row.id)


def _lines(results: Raw) -> Iterator[Marked]:
    """With the key that the line of each tells."""
    return ((row, from_html(row.properties.get(BODY))[1]) for row in _bodies(results))


def _bodies(results: Raw) -> list[Body]:
    try:
        return msgspec.json.decode(results, type=list[Body])
    except msgspec.MsgspecError as error:
        raise BadResponse(f"The listing of tasks could not be read: {error}") from error


LISTING = Listing(TASKS, MODIFIED, FIELDS, lambda row, _: (to_task(row),), history=STATUS)
