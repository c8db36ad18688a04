"""Salesforce's part in a dry run: answers to writes that are not sent."""

import json
from typing import Any
from urllib.parse import unquote

import httpx

from connectors.rehearsal import FIRST_ID, Ask, Call, Part, shown
from connectors.salesforce.wire import AREA

Document = dict[str, Any]
READS = "/composite/sobjects/"
SEVERAL = "/composite"
# Of `…/sobjects/Task/Retro_Key__c/key`, in parts.
BY_KEY = 8


class OrgStandIn:
    """Nothing it answers leaves the process."""

    def __init__(self) -> None:
        self.made: dict[int, str] = {}
        self._records: dict[str, Document] = {}

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        path = request.url.path
        if not path.startswith(f"{AREA}/v"):
            return None
        called, text = f"{request.method} {path}", request.content.decode()
        if request.method == "GET" or READS in path or _only_asks(path, text):
            return Part(Call(called, text, False), self._read(request, path, ask))
        return Part(Call(called, text, True), self._written(request.method, path, text))

    def _read(self, request: httpx.Request, path: str, ask: Ask) -> httpx.Response | None:
        """Of what would be there by now, or be otherwise; all else is asked for."""
        last = path.rsplit("/", 1)[-1]
        written = self._records.get(last)
        if last.isdecimal() and int(last) in self.made:
            bare = {"Id": last, "IsClosed": False, "Target__c": None}
            return httpx.Response(200, json={**bare, **(written or {})})
        return None if written is None else shown(request, ask, lambda told: {**told, **written})

    def _written(self, verb: str, path: str, text: str) -> httpx.Response:
        body: Document = json.loads(text) if text else {}
        if verb == "POST" or len(path.split("/")) == BY_KEY:
            named = unquote(path.rsplit("/", 1)[-1])
            subject = body.get("Subject") or body.get("Name")
            return self._saved(named if verb == "PATCH" else str(subject or named), body)
        last = path.rsplit("/", 1)[-1]
        self._records[last] = {**self._records.get(last, {}), **body}
        return httpx.Response(204)

    def _saved(self, stands_for: str, body: Document) -> httpx.Response:
        number = FIRST_ID + len(self.made)
        self.made[number] = stands_for
        self._records[str(number)] = body
        answer = {"id": str(number), "success": True, "errors": [], "created": True}
        return httpx.Response(201, json=answer)


def _only_asks(path: str, text: str) -> bool:
    """A call made of others, none of which writes."""
    if not path.endswith(SEVERAL):
        return False
    return all(part["method"] == "GET" for part in json.loads(text)["compositeRequest"])
