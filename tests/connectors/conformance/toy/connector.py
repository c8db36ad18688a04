"""The toy's connector: right in all rows, and small enough to plant faults in."""

import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from pydantic import Field, SecretStr

from connectors.auth import Bearer, OAuth, Token
from connectors.budget import Budget
from connectors.errors import AuthFailed, BadResponse, ConnectorError
from connectors.models import Deal, Record, RemoteTask, StageKind, Stream, Task, TaskStatus
from connectors.port import (
    Connector,
    ConnectorConfig,
    HookEvent,
    Page,
    Partition,
    RefusedRecord,
    Window,
)

FOREVER = datetime.max.replace(tzinfo=UTC)
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)


class ToyConfig(ConnectorConfig):
    base: str
    key: SecretStr | None = None
    hook_secret: SecretStr = SecretStr("")
    limited: bool = True
    fields: dict[str, str] = Field(default={})


class Row(Struct, frozen=True):
    id: str
    fields: dict[str, Any]


class Found(Struct, frozen=True):
    now: datetime
    deals: list[Row] | None = None
    tasks: list[Row] | None = None
    next: str | None = None
    more: bool = False


class Made(Struct, frozen=True):
    id: str


class Toy(Connector[ToyConfig]):
    kind = "toy"
    label = "Toy CRM"
    docs = "tests/connectors/conformance/toy"
    Config = ToyConfig
    lag = timedelta(seconds=5)
    shaping = frozenset({"fields"})

    def base_url(self) -> str:
        return self.config.base

    def auth(self) -> httpx.Auth:
        if self.config.key is not None:
            return Bearer(self.config.key)
        assert self.wire.tokens is not None
        return OAuth(self.wire.tokens, sign=_sign, expired=_expired, renew=self._renew)

    def budget(self) -> Budget | None:
        return Budget(f"toy:{self.config.base}", 20, 5.0) if self.config.limited else None

    def check(self) -> str:
        return str(self.api.get("/me").decode(dict[str, Any])["name"])

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        return self._pages("deals", window, partition.after)

    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]:
        return self._pages("tasks", window, partition.after)

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        return self._page(stream.value, self._search(stream.value, ids=list(ids)), "")

    def create_task(self, task: Task) -> str:
        return self.api.post("/tasks", {**_written(task), "ref": task.key}).decode(Made).id

    def find_task(self, key: str) -> Sequence[str]:
        found = self._search("tasks", ref=key)
        return [row.id for row in found.tasks or ()]

    def stamp_task(self, remote_id: str, task: Task) -> None:
        self._label([(remote_id, task)])

    def stamp_tasks(self, pairs: Sequence[tuple[str, Task]]) -> Mapping[str, ConnectorError | None]:
        self._label(pairs)
        return {remote_id: None for remote_id, _ in pairs}

    def update_task(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        names = {"description": "text", "due_at": "due"}
        wanted = None if only is None else {names.get(name, name) for name in only}
        values = {k: v for k, v in _written(task).items() if wanted is None or k in wanted}
        self._change(remote_id, values)

    def complete_task(self, remote_id: str) -> None:
        self._change(remote_id, {"status": "done"})

    def reopen_task(self, remote_id: str) -> None:
        self._change(remote_id, {"status": "open"})

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Sequence[HookEvent]:
        secret = self.config.hook_secret.get_secret_value().encode()
        if not hmac.compare_digest(headers.get("signature", ""), signature(secret, body)):
            raise AuthFailed("The event is not signed with our secret.")
        event = msgspec.json.decode(body)
        at = datetime.fromisoformat(event["at"])
        return [HookEvent(Stream(event["of"]), [event["id"]], f"{event['id']}:{event['at']}", at)]

    def _pages(self, kind: str, window: Window, after: str) -> Iterator[Page[Any]]:
        since = None if window.start is None else window.start.isoformat()
        cursor, more = None, True
        while cursor is not None or more:
            above = after or "0"
            found = self._search(kind, since=since, above=above, cursor=cursor)
            page = self._page(kind, found, after)
            if found.next is not None and found.next == cursor:
                raise BadResponse("The listing does not move on.")
            after, cursor, more = page.position, found.next, found.more
            yield page

    def _page(self, kind: str, found: Found, after: str) -> Page[Any]:
        rows = found.deals if kind == "deals" else found.tasks
        if rows is None:
            raise BadResponse(f"The answer has no {kind}.")
        records, refused = [], []
        for row in rows:
            if int(row.id) <= int(after or 0):
                raise BadResponse(f"{kind} are not in order of their ids.")
            after = row.id
            try:
                records.append(self._deal(row) if kind == "deals" else to_task(row))
            except UNREADABLE as error:
                refused.append(RefusedRecord(row.id, str(error), repr(row)))
        return Page(records, after, refused, remote_now=found.now)

    def _deal(self, row: Row) -> Deal:
        names = self.config.fields
        plain = {"id", "title", "stage", "owner"}
        values = {name: row.fields[name] for name in plain}
        made, changed = (moment(row.fields.get(name)) for name in ("created", "changed"))
        extra = {ours: row.fields.get(theirs) for ours, theirs in names.items()}
        kept = {ours: value for ours, value in extra.items() if value is not None}
        deal = {**values, "pipeline": "1", "stage_kind": StageKind.OPEN, "extra": kept}
        return msgspec.convert({**deal, "created_at": made, "updated_at": changed}, Deal)

    def _search(self, kind: str, **wanted: Any) -> Found:
        asked = {"fields": [*self.config.fields.values()]} if self.config.fields else {}
        limited = Budget(f"toy-search:{self.config.base}", 1, 1.0) if self.config.limited else None
        path = f"/{kind}/search"
        return self.api.search(path, {**asked, **wanted}, budget=limited).decode(Found)

    def _label(self, pairs: Sequence[tuple[str, Task]]) -> None:
        wanted = [{"id": id_, "labels": ["retro", *task.tags]} for id_, task in pairs]
        self.api.post("/tasks/labels", {"tasks": wanted}, repeatable=True)

    def _change(self, remote_id: str, values: Mapping[str, Any]) -> None:
        self.api.post(f"/tasks/{remote_id}", values, repeatable=True)

    def _renew(self, spent: Token) -> Token:
        with httpx.Client(base_url=self.base_url(), transport=self.wire.transport) as client:
            answer = client.post("/token", json={"refresh": spent.refresh_token})
        if answer.status_code != 200:
            raise AuthFailed("The refresh token is dead.")
        pair = answer.json()
        return Token(pair["access"], pair["refresh"], FOREVER)


def to_task(row: Row) -> RemoteTask:
    fields = row.fields
    return RemoteTask(
        id=row.id,
        title=fields["title"],
        description=fields["text"],
        status=TaskStatus(fields["status"]),
        owner=fields["owner"],
        due_at=moment(fields["due"]),
        created_at=moment(fields["created"]),
        updated_at=moment(fields["changed"]),
        key=fields.get("ref"),
    )


def moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def signature(secret: bytes, body: bytes) -> str:
    return hmac.new(secret, body, "sha256").hexdigest()


def _written(task: Task) -> dict[str, Any]:
    due = task.due_at.isoformat()
    return {"title": task.title, "text": task.description, "owner": task.owner, "due": due}


def _sign(request: httpx.Request, token: Token) -> None:
    request.headers["Authorization"] = f"Bearer {token.access_token}"


def _expired(response: httpx.Response) -> bool:
    return response.status_code == 401 and b"expired" in response.content
