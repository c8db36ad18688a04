"""HubSpot's part in a dry run: answers to writes that are not sent."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from connectors.rehearsal import FIRST_ID, Ask, Call, Part, shown

Document = dict[str, Any]
AT = "2026-01-01T00:00:00.000Z"


class HubStandIn:
    """`host` is the tool's. Nothing it answers leaves the process."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.made: dict[int, str] = {}
        self._has_field = False
        self._records: dict[str, Document] = {}

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        path = request.url.path
        if request.url.host != self._host or path.startswith("/oauth/"):
            return None
        called, text = f"{request.method} {path}", request.content.decode()
        body: Document = json.loads(text) if text else {}
        if request.method == "GET" or path.endswith(("/search", "/batch/read")):
            return Part(Call(called, text, False), self._read(request, path, body, ask))
        return Part(Call(called, text, True), self._written(path, body))

    def _read(
        self, request: httpx.Request, path: str, body: Document, ask: Ask
    ) -> httpx.Response | None:
        """Of what would be there by now, or be otherwise; all else is asked for."""
        last, written = path.rsplit("/", 1)[-1], self._records.get(path)
        if last.isdecimal() and int(last) in self.made:
            return _good(_record(last, {"hs_task_status": "NOT_STARTED", **(written or {})}))
        if written is not None:
            return shown(request, ask, lambda told: _with(told, written))
        ids = [one["id"] for one in body.get("inputs", ())]
        new_field = self._has_field and body.get("idProperty")
        if new_field or (ids and all(id_.isdecimal() and int(id_) in self.made for id_ in ids)):
            return _good({"results": []})
        return None

    def _written(self, path: str, body: Document) -> httpx.Response:
        if path.endswith("/batch/archive"):
            return httpx.Response(204)
        if path.endswith("/batch/create"):
            inputs = [one["properties"] for one in body["inputs"]]
            made = [_record(self._id(_named(each)), each) for each in inputs]
            return _good({"results": made}, 201)
        if "/crm/properties/" in path:
            self._has_field = True
            return _good({"name": body["name"], "hasUniqueValue": True}, 201)
        if path.endswith("/tasks"):
            number = self._id(_named(body["properties"]))
            self._records[f"{path}/{number}"] = body["properties"]
            return _good(_record(number, body["properties"]), 201)
        properties = body.get("properties", {})
        self._records[path] = {**self._records.get(path, {}), **properties}
        return _good(_record(path.rsplit("/", 1)[-1], properties))

    def _id(self, stands_for: str) -> str:
        number = FIRST_ID + len(self.made)
        self.made[number] = stands_for
        return str(number)


def _named(properties: Mapping[str, str]) -> str:
    subject = properties.get("hs_task_subject") or properties.get("hs_goal_name", "")
    return f"{properties.get('retro_key') or subject}"


def _record(id_: str, properties: Mapping[str, Any]) -> Document:
    dated = {"createdAt": AT, "updatedAt": AT, "archived": False}
    return {"id": id_, "properties": dict(properties), **dated}


def _with(told: Document, written: Document) -> Document:
    return {**told, "properties": {**told["properties"], **written}}


def _good(document: Document, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=document)
