"""The web application: one read-only page, inbound webhooks, and what monitoring asks.

The sign-in comes with the admin pages; until then `web.local` keeps the page on this machine.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from web.hooks import hooks_router
from web.monitoring import monitoring_router
from web.pages import pages_router
from workers.app import App

STATIC = Path(__file__).with_name("static")


def create_app(app: App) -> FastAPI:
    web = FastAPI(title="Retro ROI", docs_url=None, redoc_url=None, openapi_url=None)
    web.include_router(hooks_router(app))
    web.include_router(pages_router(app))
    web.include_router(monitoring_router(app))
    web.mount("/static", StaticFiles(directory=STATIC), name="static")
    return web
