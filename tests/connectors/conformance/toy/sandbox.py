"""The toy's sandbox: deals, tasks and rotating tokens of a CRM that nobody sells.

A search gives pages of 10 rows in order of their ids and 25 rows in all; `more` says that it was
cut off there. It shows a change 5 seconds late. Labels are set in batches that one bad row spoils.
"""

import time
from collections.abc import Iterator, MutableMapping
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any

import msgspec

from connectors.sandbox.asgi import Receive, Request, Send, json_response, read_request
from connectors.sandbox.asgi import send_response as answer
from connectors.sandbox.bucket import LeakyBucket
from connectors.sandbox.clock import Clock, utc_text
from connectors.sandbox.control import PREFIX, control
from connectors.sandbox.faults import FaultPlan
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.requestlog import RequestLog

PAGE, CAP = 10, 25
LAG = timedelta(seconds=5)
BURST, RATE = 20.0, 5.0
# In a second, of all that the account's apps send.
SEARCHES = 2
KEY, HOOK_SECRET, OWNERS = "toy-key", "toy-hook-secret", ("7", "8")
Row = dict[str, Any]
# What no record of it has.
UNTOLD: Row = {
    **dict.fromkeys(("amount", "currency", "source", "lead", "closed_at")),
    **{"pipeline": "1", "stage_kind": "open", "contacts": []},
}
OWN = frozenset(
    (
        "id",
        "title",
        "text",
        "stage",
        "status",
        "owner",
        "due",
        "labels",
        "ref",
        "created",
        "changed",
    )
)


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status


class ToyCrm:
    """Rows by id, and the control routes' side of them. `life` is of access tokens, in seconds."""

    def __init__(self, knobs: Knobs, life: int = 3600) -> None:
        self.clock, self.log, self.faults = Clock(), RequestLog(), FaultPlan([], 0)
        self.rows: dict[str, dict[str, Row]] = {"deals": {}, "tasks": {}}
        self.gone: dict[str, Row] = {}
        self._ids, self._issued = count(1), count(1)
        self._life, self._began = life, time.monotonic()
        self._access: dict[str, datetime] = {}
        self._refresh: set[str] = set()
        self._bucket = None if knobs.limit == "off" else LeakyBucket(BURST, RATE, time.monotonic)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path.startswith(PREFIX):
            await control(self, request, send)
            return
        status, body = HTTPStatus.OK.value, {}
        try:
            self._admit(request)
            given = msgspec.json.decode(request.body or b"{}")
            body = self._do(request.verb, request.path.strip("/").split("/"), given)
        except Refused as refused:
            status, body = refused.status, {"error": str(refused)}
        self.log.add(
            time=utc_text(self.clock.now()),
            seconds=time.monotonic() - self._began,
            verb=request.verb,
            path=request.path,
            method=request.path,
            status=status,
            refused=status == HTTPStatus.TOO_MANY_REQUESTS,
        )
        await answer(send, json_response({**body, "now": self._now()}, status))

    def _admit(self, request: Request) -> None:
        if self._bucket is not None and not self._bucket.admit():
            raise Refused(429, "too_many")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.path == "/token" or given == KEY:
            return
        if given not in self._access:
            raise Refused(401, "unknown_key")
        if self._access[given] <= self.clock.now():
            raise Refused(401, "expired")

    def _do(self, verb: str, path: list[str], given: Row) -> Row:
        match verb, *path:
            case "POST", "token":
                return self._renewed(given["refresh"])
            case "GET", "me":
                return {"name": "Toy"}
            case "POST", ("deals" | "tasks") as kind, "search":
                return self._search(kind, given)
            case "POST", "tasks", "labels":
                return self._label(given["tasks"])
            case "POST", "tasks":
                return self._put("tasks", {"status": "open", "labels": [], **_checked(given)})
            case "POST", "tasks", id_ if id_ in self.rows["tasks"]:
                return self._put("tasks", {**self.rows["tasks"][id_], **_checked(given)})
        raise Refused(404, "not_found")

    def _renewed(self, spent: str) -> Row:
        if spent not in self._refresh:
            raise Refused(400, "dead_refresh_token")
        self._refresh.remove(spent)
        access, refresh = self.granted()
        return {"access": access, "refresh": refresh}

    def granted(self) -> tuple[str, str]:
        """A new pair, as the consent in a browser brings one too."""
        number = next(self._issued)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self._access[access] = self.clock.now() + timedelta(seconds=self._life)
        self._refresh.add(refresh)
        return access, refresh

    def _search(self, kind: str, given: Row) -> Row:
        """`cursor` is how many rows of the search have been given, and the id of the last."""
        before, _, last = str(given.get("cursor") or f"0:{given.get('above', 0)}").partition(":")
        found = [row for row in self._matching(kind, given) if int(row["id"]) > int(last)]
        shown = found[: min(PAGE, CAP - int(before))]
        after = int(before) + len(shown)
        more = len(found) > len(shown)
        goes_on = more and after < CAP
        return {
            kind: [{"id": row["id"], "fields": _told(row, given)} for row in shown],
            "next": f"{after}:{shown[-1]['id']}" if goes_on else None,
            "more": more and not goes_on,
        }

    def _matching(self, kind: str, given: Row) -> Iterator[Row]:
        since, ids, ref = given.get("since"), given.get("ids"), given.get("ref")
        visible = self.clock.now() - LAG
        for row in sorted(self.rows[kind].values(), key=lambda row: int(row["id"])):
            changed = datetime.fromisoformat(row["changed"])
            late = since and (changed < datetime.fromisoformat(since) or changed > visible)
            named = (ids is None or row["id"] in ids) and (ref is None or row.get("ref") == ref)
            if not late and named and not row.get("archived"):
                yield row

    def _label(self, wanted: list[Row]) -> Row:
        if any("!" in label for one in wanted for label in one["labels"]):
            raise Refused(422, "bad_label")
        for one in wanted:
            self._put("tasks", {**self.rows["tasks"][one["id"]], "labels": one["labels"]})
        return {}

    def _put(self, kind: str, row: Row) -> Row:
        id_ = row.get("id") or str(next(self._ids))
        made = row.get("created", self._now())
        self.rows[kind][id_] = {**row, "id": id_, "created": made, "changed": self._now()}
        return {"id": id_}

    def _now(self) -> str:
        return self.clock.now().isoformat(timespec="seconds")

    # The control routes.

    def records(self, stream: str, query: dict[str, str]) -> Iterator[Row]:
        for row in self.rows[stream].values():
            if not row.get("archived"):
                words = {"created_at": row["created"], "updated_at": row["changed"]}
                yield {**UNTOLD, **row, **words, "key": row.get("ref")}

    def edit(self, stream: str, record_id: str, change: Row) -> Row:
        rows = self.rows[stream]
        if record_id == "new":
            return self._put(stream, {"stage": "new", "owner": "7", "size": 3, **change["set"]})
        if change.get("restore"):
            rows[record_id] = self.gone.pop(record_id)
        elif change.get("delete"):
            self.gone[record_id] = rows.pop(record_id)
        else:
            self._put(stream, {**rows[record_id], **change.get("set", {})})
        return {"id": record_id}

    def set_outgoing_webhook(self, url: str | None, events: list[str], copies: int) -> Row:
        raise ValueError("the toy posts nothing")


def _told(row: Row, given: Row) -> Row:
    """Custom fields where they are asked for."""
    wanted = OWN | set(given.get("fields", ()))
    return {name: value for name, value in row.items() if name in wanted}


def _checked(given: Row) -> Row:
    if given.get("owner", "7") not in OWNERS:
        raise Refused(422, "no_such_owner")
    return given


def make(knobs: Knobs, base: str) -> tuple[ToyCrm, Row]:
    settings = {"base": base, "key": KEY, "hook_secret": HOOK_SECRET, "limited": True}
    settings["limited"] = knobs.limit != "off"
    return ToyCrm(knobs), {"kind": "toy", "settings": settings, "control": f"{base}/_sandbox"}
