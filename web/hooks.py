"""Inbound webhooks: `POST /hooks/{connection}`. What an event means is worked out by a job.

Nothing of a body is ever logged or answered: tools put tokens into it.
"""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from redis.exceptions import RedisError
from starlette.requests import ClientDisconnect

from connectors.errors import AuthFailed
from connectors.registry import UnknownTool
from sync.store.connections import SettingsOutdated, UnknownConnection
from sync.vault import SecretsUnreadable
from web.outage import DATABASE_DOWN
from workers.app import App
from workers.hooks import receive

LARGEST_BODY = 256 * 1024
LONGEST_NAME_LOGGED = 80

log = logging.getLogger(__name__)


async def small_body(request: Request) -> bytes:
    """Raises HTTPException 413 as soon as the body is known to be larger than LARGEST_BODY."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > LARGEST_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise _too_large()
    except ClientDisconnect:
        log.warning("A webhook broke off before it had arrived whole.")
        raise HTTPException(400, "The event did not arrive whole; send it again.") from None
    return bytes(body)


def hooks_router(app: App) -> APIRouter:
    router = APIRouter()

    @router.post("/hooks/{connection}")
    def hook(
        connection: str, request: Request, body: Annotated[bytes, Depends(small_body)]
    ) -> dict[str, str]:
        _take(app, connection, request, body)
        return {"status": "ok"}

    return router


def _take(app: App, name: str, request: Request, body: bytes) -> None:
    """Raises HTTPException: 404, 403, or 503 after which the tool may send the event again."""
    try:
        receive(app, name, request.headers, body)
    except UnknownConnection:
        log.warning("A webhook names no connection of ours: %r", name[:LONGEST_NAME_LOGGED])
        raise HTTPException(404, "There is no connection of this name.") from None
    except AuthFailed as error:
        log.warning("A webhook for %r was refused: %s %s", name, error.message, error.next_step)
        raise HTTPException(403, "Refused.") from None
    except RedisError as error:
        # The event is stored by then; the reconciler rings for it.
        log.warning("A webhook was stored, but not rung for: %s", type(error).__name__)
    except DATABASE_DOWN as error:
        log.error("A webhook for %r could not be stored: %s", name, type(error).__name__)
        raise HTTPException(503, "The event could not be stored; send it again.") from None
    except (SecretsUnreadable, SettingsOutdated, UnknownTool, ValueError) as error:
        log.error("A webhook for %r could not be verified: %s", name, error)
        raise HTTPException(503, "The event could not be verified; send it again.") from None


def _too_large() -> HTTPException:
    return HTTPException(413, f"A webhook may hold {LARGEST_BODY // 1024} KiB at most.")
