"""A tool's sandbox as an ASGI app: control routes, faults, log. The tool adds how it names a
request and how it answers one."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any, Generic, TypeVar

from connectors.sandbox.asgi import (
    Receive,
    Request,
    Response,
    Send,
    drop,
    html_response,
    json_response,
    read_request,
    send_half,
    send_response,
)
from connectors.sandbox.clock import Seconds, utc_text
from connectors.sandbox.control import PREFIX, Tool, control
from connectors.sandbox.faults import Fault

RouteT = TypeVar("RouteT")

DROPS = frozenset({"timeout_before", "timeout_after", "crash_after"})


@dataclass(frozen=True)
class Outcome:
    """An answer and what the log says about it; `commands` are those of a batch."""

    response: Response
    commands: int = 0
    refused: bool = False


@dataclass(frozen=True)
class Found(Generic[RouteT]):
    """A request as the tool names it: its route, None where there is none, and what the log shows
    of it. `fault_method` is the name by which the fault plan meets it."""

    route: RouteT | None
    method: str
    path: str
    body: str
    fault_method: str


class Gateway(ABC, Generic[RouteT]):
    def __init__(self, tool: Tool, monotonic: Seconds, latency_ms: float) -> None:
        self._tool = tool
        self._monotonic = monotonic
        self._latency = latency_ms / 1000
        self._started = monotonic()
        self._down_until = 0.0

    @abstractmethod
    def find(self, request: Request, raw_path: str) -> Found[RouteT]: ...

    @abstractmethod
    async def answer(self, request: Request, route: RouteT | None) -> Outcome: ...

    @abstractmethod
    def refusal_of(self, fault: Fault) -> Outcome | None:
        """The tool's own answer of a fault; None where faults of all tools look alike."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path.startswith(PREFIX):
            await control(self._tool, request, send)
            return
        found = self.find(request, scope.get("raw_path", request.path.encode()).decode())
        arrived, seconds = self._tool.clock.now(), self._monotonic() - self._started
        fault = self._tool.faults.pick(found.fault_method)
        outcome = await self._outcome(request, found.route, fault)
        unanswered = fault is not None and fault.do in DROPS
        self._tool.log.add(
            time=utc_text(arrived),
            seconds=round(seconds, 6),
            verb=request.verb,
            path=found.path,
            method=found.method,
            status=0 if unanswered else outcome.response.status,
            refused=outcome.refused,
            commands=outcome.commands,
            fault=fault.do if fault else None,
            body=found.body,
        )
        response = self._dated(outcome.response)
        if fault and unanswered:
            await drop(send, receive)
        elif fault and fault.do == "cut":
            await send_half(send, receive, response)
        else:
            await send_response(send, response)

    async def _outcome(
        self, request: Request, route: RouteT | None, fault: Fault | None
    ) -> Outcome:
        if self._latency:
            await asyncio.sleep(self._latency)
        if self._monotonic() < self._down_until:
            return Outcome(html_response(502, "Bad Gateway"))
        if fault and fault.do == "slow":
            await asyncio.sleep(fault.seconds)
        if fault and not fault.after:
            return self._broken(fault, request)
        outcome = await self.answer(request, route)
        if fault and fault.do == "crash_after":
            self._down_until = self._monotonic() + fault.seconds
        if fault and fault.applied:
            return replace(self._broken(fault, request), commands=outcome.commands)
        return outcome

    def _broken(self, fault: Fault, request: Request) -> Outcome:
        """The answer of a fault, whether or not the request was applied."""
        own = self.refusal_of(fault)
        if own is not None:
            return own
        if fault.do == "rename":
            moved = html_response(302, "Moved")
            return Outcome(replace(moved, headers={"Location": f"{fault.host}{request.path}"}))
        if fault.do == "pause":
            refused = html_response(429, "Too Many Requests")
            pause = {"Retry-After": str(round(fault.seconds))}
            return Outcome(replace(refused, headers=pause), refused=True)
        if fault.do == "wrong_json":
            return Outcome(json_response({"status": "ok", "data": "unexpected"}))
        return Outcome(html_response(502, "Bad Gateway"))

    def _dated(self, response: Response) -> Response:
        """A server tells its time with each answer: here that of the tool's clock."""
        now = format_datetime(self._tool.clock.now(), usegmt=True)
        return replace(response, headers={**response.headers, "Date": now})
