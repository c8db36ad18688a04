"""Tryton's part in a dry run: answers to writes that are not sent."""

import json
from typing import Any

import httpx

from connectors.rehearsal import FIRST_ID, Ask, Call, Part

READS = ("search_read", "fields_get", "get_preferences")
AT = {
    "__class__": "datetime",
    **dict.fromkeys(("hour", "minute", "second", "microsecond"), 0),
    **{"year": 2026, "month": 1, "day": 1},
}


class TrytonStandIn:
    """`base` is the address of the models. Nothing it answers leaves the process."""

    def __init__(self, base: httpx.URL) -> None:
        self._base = base
        self.made: dict[int, str] = {}

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        if request.url.host != self._base.host:
            return None
        called = request.url.path.removeprefix(self._base.path)
        text = request.content.decode()
        body = json.loads(text) if text else {}
        if called.endswith(READS):
            return Part(Call(called, text, False), self._read(body))
        call = Call(f"{request.method} {called}", text, True)
        if request.method == "DELETE":
            return Part(call, httpx.Response(204))
        _, *rest = called.split("/")
        return Part(
            call, httpx.Response(200, json={"id": int(rest[0]) if rest else self._id(body)})
        )

    def _read(self, body: dict[str, Any]) -> httpx.Response | None:
        """Of what would be there by now; all else is asked for."""
        for clause in body.get("domain", ()):
            if clause[:2] == ["id", "="] and clause[2] in self.made:
                work = {"id": clause[2], "name": "", "comment": None, "allocations.": []}
                status = {"id": 0, "progress": None, "default": True}
                row = {**work, "status.": status, "create_date": AT, "write_date": None}
                return httpx.Response(200, json=[row])
            if clause[:2] == ["resource", "="] and int(clause[2].rpartition(",")[2]) in self.made:
                return httpx.Response(200, json=[])
        return None

    def _id(self, body: dict[str, Any]) -> int:
        number = FIRST_ID + len(self.made)
        self.made[number] = str(body.get("name") or body.get("resource", ""))
        return number
