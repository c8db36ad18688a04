"""The web application: one read-only page, inbound webhooks, and whether the process serves.

The sign-in comes with the admin pages; until then `web.local` keeps the page on this machine.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from web.hooks import hooks_router
from web.pages import pages_router
from workers.app import App

STATIC = Path(__file__).with_name("static")


def create_app(app: App) -> FastAPI:
    web = FastAPI(title="Retro ROI", docs_url=None, redoc_url=None, openapi_url=None)
    web.include_router(hooks_router(app))
    web.include_router(pages_router(app))
    web.mount("/static", StaticFiles(directory=STATIC), name="static")

    # Asynchronous, so that it needs none of the threads that may all be waiting for the database.
    @web.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return web
