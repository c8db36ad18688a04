"""The web application: one read-only page, inbound webhooks, and what monitoring asks.

The sign-in comes with the admin pages; until then `web.local` keeps the page on this machine.
"""

from pathlib import Path

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.staticfiles import StaticFiles

from web.hooks import hooks_router
from web.monitoring import monitoring_router
from web.pages import pages_router
from workers.app import App

STATIC = Path(__file__).with_name("static")


def create_app(app: App) -> FastAPI:
    web = FastAPI(
        title="Retro ROI",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(named_by_text)],
    )
    web.include_router(hooks_router(app))
    web.include_router(pages_router(app))
    web.include_router(monitoring_router(app))
    web.mount("/static", StaticFiles(directory=STATIC), name="static")
    return web


async def named_by_text(request: Request) -> None:
    """Raises HTTPException 404. Nothing of ours has such a name, and PostgreSQL refuses to look for
    it, as it refuses when it is down. Not in a thread: they may all wait for the database."""
    if "\0" in request.scope["path"]:
        raise HTTPException(404)
