"""The portal's part in a dry run: answers to writes that are not sent."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from connectors.rehearsal import FIRST_ID, Ask, Call, Part, shown

Body = dict[str, Any]
TARGET_PREFIX = "ufCrm"
PROBE = {"pagination": {"limit": 1}}


class PortalStandIn:
    """`host` is the portal's. Nothing it answers leaves the process."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.made: dict[int, str] = {}
        self._fields: dict[str, Body] = {}
        self._types: set[int] = set()
        self._items: dict[int, Body] = {}
        self._refusal: httpx.Response | None = None
        self._asked_three = False
        self._writes: Mapping[str, Callable[[Body], Any]] = {
            "tasks.task.add": lambda body: {"task": {"id": str(self._task(body))}},
            "tasks.task.update": lambda _: {"task": True},
            "tasks.task.complete": lambda _: {"task": True},
            "tasks.task.delete": lambda _: {"task": True},
            "task.commentitem.add": lambda _: self._id("comment"),
            "task.item.userfield.add": lambda _: self._id("field"),
            "userfieldconfig.add": self._field,
            "crm.type.add": self._type,
            "crm.item.add": self._item,
            "crm.item.update": self._changed,
        }

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        if request.url.host != self._host:
            return None
        method = request.url.path.rsplit("/", 1)[-1]
        body, text = _opened(request)
        if "/rest/api/" in request.url.path:
            refused = self._refused(request, ask)
            return Part(Call(method, text, True), refused or self._three(method, body))
        if method == "batch" and self._is_stamps(body):
            done = {name: {"task": True} for name in body["cmd"]}
            return Part(Call(method, text, True), _good({"result": done, "result_error": []}))
        if method in self._writes:
            return Part(Call(method, text, True), _good(self._writes[method](body)))
        call = Call(method, text, False)
        if method == "crm.item.fields" and (self._fields or self._types):
            return Part(call, self._described(request, body, ask))
        if method == "crm.item.get" and body.get("id") in self._items:
            return Part(call, self._shown(request, body["id"], ask))
        return Part(call)

    def _three(self, method: str, body: Body) -> httpx.Response:
        number = self._task(body) if method == "tasks.task.add" else self._id("message")
        return _good({"item": {"id": number}})

    def _refused(self, request: httpx.Request, ask: Ask) -> httpx.Response | None:
        """A portal without REST 3, or a key without its scope, refuses a read of tasks as well."""
        if not self._asked_three:
            self._asked_three = True
            path = f"{request.url.path.rsplit('/', 1)[0]}/tasks.task.list"
            auth = {k: v for k, v in json.loads(request.content).items() if k == "auth"}
            url = request.url.copy_with(path=path)
            answer = ask(httpx.Request("POST", url, json={**PROBE, **auth}))
            answer.read()
            if answer.is_error:
                self._refusal = answer
        if self._refusal is None:
            return None
        return httpx.Response(self._refusal.status_code, content=self._refusal.content)

    def _is_stamps(self, body: Body) -> bool:
        return all(
            command.partition("?")[0] == "tasks.task.update" for command in body["cmd"].values()
        )

    def _described(self, request: httpx.Request, body: Body, ask: Ask) -> httpx.Response:
        """With the fields that would be there by now."""
        if body["entityTypeId"] in self._types:
            return _good({"fields": self._fields})
        return shown(request, ask, lambda told: _result("fields", told, self._fields))

    def _task(self, body: Body) -> int:
        fields = body["fields"]
        return self._id(f"task {fields.get('xmlId') or fields.get('XML_ID')}")

    def _type(self, body: Body) -> Body:
        entity_type = body["fields"]["entityTypeId"]
        self._types.add(entity_type)
        kind = {"id": self._id("type"), "title": body["fields"]["title"]}
        return {"type": {**kind, "entityTypeId": entity_type}}

    def _field(self, body: Body) -> Body:
        upper = body["field"]["fieldName"]
        _, _, number, name = upper.split("_", 3)
        shown = f"{TARGET_PREFIX}{number}{name.capitalize()}"
        kind = {"type": body["field"]["userTypeId"], "upperName": upper, "isDynamic": True}
        self._fields[shown] = kind
        return {"field": {"id": str(self._id("field"))}}

    def _item(self, body: Body) -> Body:
        number = self._id(f"target {body['fields'].get('xmlId')}")
        return self._changed({**body, "id": number})

    def _changed(self, body: Body) -> Body:
        item = self._items.setdefault(body["id"], {})
        item |= body["fields"]
        return {"item": {**item, "id": body["id"]}}

    def _shown(self, request: httpx.Request, number: int, ask: Ask) -> httpx.Response:
        """An item as it would be by now."""
        if number in self.made:
            stages = {"id": number, "categoryId": self._id("stages")}
            return _good({"item": {**stages, **self._items[number]}})
        return shown(request, ask, lambda told: _result("item", told, self._items[number]))

    def _id(self, stands_for: str) -> int:
        number = FIRST_ID + len(self.made)
        self.made[number] = stands_for
        return number


def _opened(request: httpx.Request) -> tuple[Body, str]:
    """What is sent, without the token that an application puts into it."""
    body = json.loads(request.content or b"{}")
    if "auth" not in body:
        return body, request.content.decode()
    del body["auth"]
    return body, json.dumps(body, ensure_ascii=False)


def _result(name: str, told: Body, written: Body) -> Body:
    return {"result": {name: {**told["result"][name], **written}}}


def _good(result: Any) -> httpx.Response:
    return httpx.Response(200, json={"result": result})
