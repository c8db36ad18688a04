"""Pipedrive's part in a dry run: answers to writes that are not sent."""

import json
from typing import Any

import httpx

from connectors.rehearsal import FIRST_ID, Ask, Call, Part


class CompanyStandIn:
    """`host` is the company's. Nothing it answers leaves the process."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.made: dict[int, str] = {}

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        if request.url.host != self._host or "/api/" not in request.url.path:
            return None
        method = f"{request.method} {request.url.path.partition('/api/')[2]}"
        text = request.content.decode()
        if request.method == "GET":
            return Part(Call(method, text, False), self._shown(request))
        return Part(Call(method, text, True), self._done(request))

    def _done(self, request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = json.loads(request.content or b"{}")
        if request.method != "POST":
            return _good({"id": request.url.path.rsplit("/", 1)[-1]})
        is_goal = request.url.path.endswith("/goals")
        title = body.get("title") if is_goal else body.get("subject")
        number = FIRST_ID + len(self.made)
        self.made[number] = f"{'goal' if is_goal else 'activity'} {title}"
        return _good({"goal": {"id": str(number), "title": title}} if is_goal else {"id": number})

    def _shown(self, request: httpx.Request) -> httpx.Response | None:
        """What would be there by now has no rows in the tool."""
        last = request.url.path.rsplit("/", 1)[-1]
        if not last.isdecimal() or int(last) not in self.made:
            return None
        return httpx.Response(404, json={"success": False, "error": "Not found"})


def _good(data: Any) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "data": data})
