"""Tryton's part in a dry run: answers to writes that are not sent."""

import json
from typing import Any

import httpx

from connectors.rehearsal import FIRST_ID, Ask, Call, Part, shown

WORK = "project.work"
# What of a work is read as it is written.
PLAIN = ("name", "comment", "constraint_finish_time")
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
        self._works: dict[int, dict[str, Any]] = {}

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        if request.url.host != self._base.host:
            return None
        called = request.url.path.removeprefix(self._base.path)
        text = request.content.decode()
        body = json.loads(text) if text else {}
        if called.endswith(READS):
            return Part(Call(called, text, False), self._read(request, body, ask))
        call = Call(f"{request.method} {called}", text, True)
        if request.method == "DELETE":
            return Part(call, httpx.Response(204))
        model, *rest = called.split("/")
        number = int(rest[0]) if rest else self._id(body)
        if model == WORK:
            values = body["values"] if rest else body
            held = self._works.setdefault(number, {})
            held |= {name: values[name] for name in PLAIN if name in values}
        return Part(call, httpx.Response(200, json={"id": number}))

    def _read(
        self, request: httpx.Request, body: dict[str, Any], ask: Ask
    ) -> httpx.Response | None:
        """Of what would be there by now, or be otherwise; all else is asked for."""
        for clause in body.get("domain", ()):
            if clause[:2] == ["resource", "="] and int(clause[2].rpartition(",")[2]) in self.made:
                return httpx.Response(200, json=[])
            if clause[:2] == ["id", "="] and clause[2] in (*self.made, *self._works):
                return self._work(request, clause[2], ask)
        return None

    def _work(self, request: httpx.Request, number: int, ask: Ask) -> httpx.Response:
        written = self._works.get(number, {})
        if number not in self.made:
            return shown(request, ask, lambda told: [{**row, **written} for row in told])
        work = {"id": number, "name": "", "comment": None, "allocations.": []}
        status = {"id": 0, "progress": None, "default": True}
        row = {**work, "status.": status, "create_date": AT, "write_date": None}
        return httpx.Response(200, json=[{**row, **written}])

    def _id(self, body: dict[str, Any]) -> int:
        number = FIRST_ID + len(self.made)
        self.made[number] = str(body.get("name") or body.get("resource", ""))
        return number
