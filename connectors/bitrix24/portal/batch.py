"""`batch` of v2: commands as query strings, run in order, each failing alone."""

import asyncio
from typing import Any

from connectors.bitrix24.portal.answers import Answer, Credential, Params
from connectors.bitrix24.portal.calls import Caller
from connectors.bitrix24.portal.errors import (
    PortalError,
    batch_length,
    batch_nested,
)
from connectors.bitrix24.portal.querystring import parse_query
from connectors.bitrix24.portal.references import resolve
from connectors.sandbox.faults import FaultPlan

MAX_COMMANDS = 50
# Without server time to wait for, other requests still get a turn between commands.
COMMANDS_PER_TURN = 10


async def run_batch(
    caller: Caller, params: Params, who: Credential, faults: FaultPlan
) -> dict[str, Any]:
    """The `result` of a batch. Raises PortalError when `cmd` is no map."""
    commands = _commands(params.get("cmd"))
    halt = str(params.get("halt", 0)).lower() in {"1", "true", "y"}
    maps = Maps()
    for number, (name, command) in enumerate(commands.items()):
        watch = caller.watch()
        method = command.partition("?")[0].strip().lower()
        try:
            if number >= MAX_COMMANDS:
                raise batch_length()
            answer = await _run(caller, method, command, who, maps, faults)
        except PortalError as error:
            maps.errors[name] = error.body()
            if halt:
                break
            continue
        billed = "batch" if caller.portal.options.batch_billing == "batch" else method
        maps.keep(name, answer, caller.time(watch, billed, who))
        if number % COMMANDS_PER_TURN == COMMANDS_PER_TURN - 1:
            await asyncio.sleep(0)
    return maps.result()


class Maps:
    """The five maps of a batch answer. Empty ones come as lists, as PHP writes them."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.errors: dict[str, Any] = {}
        self._totals: dict[str, int] = {}
        self._nexts: dict[str, int] = {}
        self._times: dict[str, Any] = {}

    def keep(self, name: str, answer: Answer, time: dict[str, Any]) -> None:
        self.results[name] = answer.result
        if answer.total is not None:
            self._totals[name] = answer.total
        if answer.next is not None:
            self._nexts[name] = answer.next
        self._times[name] = time

    def result(self) -> dict[str, Any]:
        return {
            "result": php_map(self.results),
            "result_error": php_map(self.errors),
            "result_total": php_map(self._totals),
            "result_next": php_map(self._nexts),
            "result_time": php_map(self._times),
        }


def php_map(found: dict[str, Any]) -> dict[str, Any] | list[Any]:
    """A map that is empty or numbered from 0 is a list in PHP's JSON."""
    if list(found) == [str(number) for number in range(len(found))]:
        return list(found.values())
    return found


async def _run(
    caller: Caller, method: str, command: str, who: Credential, maps: Maps, faults: FaultPlan
) -> Answer:
    if method == "batch":
        raise batch_nested()
    fault = faults.pick(method, nested=True)
    if fault:
        raise PortalError(500, fault.code, fault.description)
    query = command.partition("?")[2]
    params = parse_query(query)
    if "$result" in command:
        params = resolve(params, maps.results)
    bill = caller.portal.options.batch_billing != "batch"
    return await caller.run(method, params, who, bill)


def _commands(found: Any) -> dict[str, str]:
    if isinstance(found, list):
        found = {str(number): command for number, command in enumerate(found)}
    if not isinstance(found, dict):
        raise PortalError(400, "100", "Invalid value {} to match with parameter {cmd}")
    return {name: str(command) for name, command in found.items()}
