"""Pipedrive's part in a dry run: answers to writes that are not sent."""

import json
from typing import Any

import httpx

from connectors.pipedrive.targets import GOAL_ID
from connectors.rehearsal import FIRST_ID, Ask, Call, Part, shown

AT = "2026-01-01T00:00:00Z"
Document = dict[str, Any]


class CompanyStandIn:
    """`host` is the company's. Nothing it answers leaves the process."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.made: dict[int, str] = {}
        self._activities: dict[str, Document] = {}

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        if request.url.host != self._host or "/api/" not in request.url.path:
            return None
        method = f"{request.method} {request.url.path.partition('/api/')[2]}"
        text = request.content.decode()
        if request.method == "GET":
            return Part(Call(method, text, False), self._shown(request, ask))
        return Part(Call(method, text, True), self._done(request))

    def _done(self, request: httpx.Request) -> httpx.Response:
        body: Document = json.loads(request.content or b"{}")
        if request.method != "POST":
            last = request.url.path.rsplit("/", 1)[-1]
            self._activities[last] = {**self._activities.get(last, {}), **body}
            return _good({"id": last})
        is_goal = request.url.path.endswith("/goals")
        title = body.get("title") if is_goal else body.get("subject")
        number = FIRST_ID + len(self.made)
        self.made[number] = f"{'goal' if is_goal else 'activity'} {title}"
        if is_goal:
            return _good({"goal": {"id": str(number).zfill(GOAL_ID), "title": title}})
        self._activities[str(number)] = body
        return _good({"id": number})

    def _shown(self, request: httpx.Request, ask: Ask) -> httpx.Response | None:
        """An activity that would be there by now, or be otherwise; all else is asked for."""
        last = request.url.path.rsplit("/", 1)[-1]
        written = self._activities.get(last)
        if written is None:
            return None
        if int(last) in self.made:
            return _good({"id": int(last), "add_time": AT, "update_time": AT, **written})
        return shown(request, ask, lambda told: {**told, "data": {**told["data"], **written}})


def _good(data: Any) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "data": data})
