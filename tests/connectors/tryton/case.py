"""What the conformance kit is told of Tryton: a database on a real server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from connectors.models import Stream
from connectors.tryton.connector import Tryton
from tests.connectors.conformance.case import Account, Case, History, Json, Shape, Tasks
from tests.connectors.tryton.server import Server, shared

PAGE = 10
CLOCK = (
    "The clock of a real server cannot be set; the tests of Tryton read one transaction instead."
)
KEYSET = (
    "The listing is paged by id: there is no next link, and a page that is not full is its last."
)
UTC_ONLY = "Moments are objects without an offset, and always UTC."
NO_CUSTOM = "Fields beyond those of the modules are not read."
NO_TOKEN = "The key of a user application does not expire."
NO_HOOKS = "Tryton sends no webhooks."


class Database(httpx.BaseTransport):
    """Without opportunities and tasks when it is opened and when it is left.

    New records wait until somebody asks, and are then made in one call: ids follow each other.
    """

    def __init__(self) -> None:
        self._server: Server = shared().copy
        self._network = httpx.HTTPTransport()
        self._waiting: list[Json] = []
        self._last = 0
        self.settings: Mapping[str, Any] = self._server.settings(page=PAGE)
        self.published = self.settings
        self.transport = self
        self._clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._make()
        return self._network.handle_request(request)

    def edit(self, stream: Stream, record_id: str, change: Json) -> str:
        assert stream is Stream.LEADS
        if record_id == "new":
            self._waiting.append(change["set"])
            if not self._last:
                self._make()
                return str(self._last)
            return str(self._last + len(self._waiting))
        self._make()
        if change.get("delete"):
            self._delete([int(record_id)])
        else:
            self._server.admin("sale.opportunity.write", [int(record_id)], change["set"])
        return record_id

    def truth(self, stream: Stream, query: str = "") -> list[Json]:
        self._make()
        if stream is Stream.TASKS:
            rows = self._server.read("project.work", OURS, ["name", "comment"])
            return [
                {
                    "id": str(row["id"]),
                    "title": row["name"],
                    "key": row["comment"].splitlines()[-1].removeprefix("[retro-roi:")[:-1],
                }
                for row in rows
            ]
        fields = ["description", "state", "amount", "employee", "create_date", "write_date"]
        return [
            {
                "id": str(row["id"]),
                "title": row["description"],
                "stage": row["state"],
                "amount": row["amount"]["decimal"],
                "owner": str(row["employee"]),
                "created_at": _text(row["create_date"]),
                "updated_at": _text(row["write_date"] or row["create_date"]),
            }
            for row in self._server.read("sale.opportunity", [], fields)
        ]

    def set_clock(self, moment: datetime) -> None:
        """It cannot be set."""

    def log(self) -> list[Json]:
        return []

    def end(self) -> None:
        self._waiting.clear()
        self._clear()
        self._network.close()

    def _make(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        made = self._server.admin("sale.opportunity.create", waiting)
        assert not self._last or made == [self._last + n + 1 for n in range(len(made))]
        self._last = made[-1]

    def _clear(self) -> None:
        everything = self._server.read("sale.opportunity", [], ["id"])
        self._delete([row["id"] for row in everything])
        works = self._server.read("project.work", OURS, ["allocations"])
        for row in works:
            gone = [["delete", row["allocations"]]]
            self._server.admin("project.work.write", [row["id"]], {"allocations": gone})
        self._server.admin("project.work.delete", [row["id"] for row in works])

    def _delete(self, ids: list[int]) -> None:
        """Only what is cancelled can be deleted."""
        self._server.admin("sale.opportunity.cancel", ids)
        self._server.admin("sale.opportunity.delete", ids)


OURS = [["comment", "like", "%[retro-roi:%"]]


def _text(moment: Mapping[str, int]) -> str:
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return datetime(*(moment[part] for part in parts), tzinfo=UTC).isoformat()


def opened() -> Account:
    return Database()


def new(title: str) -> Json:
    amount = {"__class__": "Decimal", "decimal": "100.00"}
    links = {"party": 4, "company": 1, "currency": 1, "employee": 1}
    return {"description": title, "amount": amount, **links}


SHAPE = Shape(
    keys=frozenset({"description", "state"}),
    moment="create_date",
    needed="state",
    title="description",
)

CASE = Case(
    tool=Tryton,
    real=True,
    opened=opened,
    page=PAGE,
    cap=PAGE,
    stream=Stream.LEADS,
    new=new,
    shape=SHAPE,
    history=History(SHAPE),
    error_body={"error": ["UserError", ["It is refused.", "", None]]},
    tasks=Tasks(
        owner="1",
        shape=Shape(
            keys=frozenset({"name", "comment", "progress"}),
            moment="create_date",
            needed="name",
            title="name",
        ),
        refused={"title": ""},
    ),
    not_applicable={
        "ties-over-a-page": CLOCK,
        "index-lag": "A record is listed as soon as it is committed.",
        **dict.fromkeys(("empty-page", "short-page"), KEYSET),
        **dict.fromkeys(("zone-ahead", "zone-behind", "dst-night"), UTC_ONLY),
        **dict.fromkeys(
            ("renamed-field", "retyped-field", "removed-field", "500-properties"), NO_CUSTOM
        ),
        "archive": "Opportunities cannot be archived.",
        "merge": "Parties can be merged in Tryton, opportunities cannot.",
        "restore": "What was deleted in Tryton is gone for good.",
        "budget": "No limit is published, and none was met.",
        **dict.fromkeys(("token-of-90-s", "rotating-refresh"), NO_TOKEN),
        "whole-batch-refused": "Tasks are made one by one.",
        **dict.fromkeys(
            (
                "echo-by-webhook",
                "webhook-doubled",
                "webhook-reordered",
                "webhook-late",
                "webhook-forged",
                "webhook-replayed",
            ),
            NO_HOOKS,
        ),
    },
)
