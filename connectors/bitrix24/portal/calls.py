"""One v2 call: may this credential run this method now, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24.portal.answers import Answer, Credential
from connectors.bitrix24.portal.errors import (
    PortalError,
    needs_admin,
    needs_app,
    no_method,
    no_scope,
    too_long,
    wrong_auth_type,
)
from connectors.bitrix24.portal.limits import Limits
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.methods import METHODS
from connectors.bitrix24.portal.state import Portal

# Any of these scopes opens the user methods; they differ in the fields that come back.
ALIKE = {"user_brief": {"user_brief", "user_basic", "user"}}


@dataclass(frozen=True)
class Stopwatch:
    """`began` on the portal's clock, `ticked` in machine time."""

    began: float
    ticked: float


class Caller:
    """Runs methods for requests and batches, and keeps the books on their server time."""

    def __init__(self, portal: Portal, limits: Limits) -> None:
        self.portal = portal
        self.limits = limits
        self._command_seconds = portal.options.command_ms / 1000
        self._billed_seconds = portal.options.billed_seconds

    async def run(self, name: str, params: Any, who: Credential, bill: bool = True) -> Answer:
        """The answer, after the server time the portal is set to take. Raises PortalError."""
        method = self._permitted(name, who)
        if self.limits.blocked(who.key, name):
            raise too_long()
        async with self.timed(name, who, bill):
            return method.run(self.portal, named(params, method.positional), who)

    @asynccontextmanager
    async def timed(self, name: str, who: Credential, bill: bool = True) -> AsyncIterator[None]:
        """Stretches what runs inside to the server time of a call, and books it."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            yield
        finally:
            if self._command_seconds:
                await asyncio.sleep(max(0.0, self._command_seconds - (loop.time() - started)))
            if bill:
                self.limits.spend(who.key, name, self._billed_seconds + loop.time() - started)

    def watch(self) -> Stopwatch:
        return Stopwatch(self.portal.clock.seconds(), asyncio.get_running_loop().time())

    def time(self, watch: Stopwatch, billed_to: str, who: Credential) -> dict[str, Any]:
        """The `time` block of an envelope."""
        processing = asyncio.get_running_loop().time() - watch.ticked
        finish = watch.began + processing
        zone = self.portal.zone
        block: dict[str, Any] = {
            "start": round(watch.began, 6),
            "finish": round(finish, 6),
            "duration": round(processing, 6),
            "processing": round(processing, 6),
            "date_start": zone.text(int(watch.began)),
            "date_finish": zone.text(int(finish)),
        }
        if self.portal.options.operating_reported:
            reset = watch.began + self.limits.reset_in(who.key, billed_to)
            block["operating_reset_at"] = int(reset)
            block["operating"] = round(self.limits.operating(who.key, billed_to), 6)
        return block

    def _permitted(self, name: str, who: Credential) -> Method:
        method = METHODS.get(name)
        if method is None:
            raise no_method()
        if method.scope and not ALIKE.get(method.scope, {method.scope}) & who.scopes:
            raise no_scope()
        if method.needs_app and who.kind != "app":
            raise needs_app()
        if method.refuses_webhook and who.kind != "app":
            raise wrong_auth_type()
        if method.needs_admin and who.user_id not in self.portal.options.admins:
            raise needs_admin()
        return method


def named(params: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Params as a map; the old task methods also take a plain list in the documented order."""
    if isinstance(params, dict):
        return params
    if isinstance(params, list) and len(params) <= len(names):
        return dict(zip(names, params, strict=False))
    if not params:
        return {}
    raise PortalError(400, "100", "Wrong number of parameters")
