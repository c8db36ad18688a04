"""The page of decisions, connections and runs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlmodel import Session

from config.settings import Settings
from rules.kpi_catalogue import KpiDefinition
from rules.language import Language
from rules.yaml_file import FileProblem
from web.figures import Figures, age
from web.local import only_this_machine, this_machine_or
from web.outage import DATABASE_DOWN
from web.overview import Moments, read_decision, read_overview
from web.texts import Texts
from web.tones import tone
from workers import library
from workers.app import App
from workers.clock import ClockUnreachable, machine_now
from workers.target_forms import TargetForms

TEMPLATES = Path(__file__).with_name("templates")
LANGUAGES: dict[str, Language] = {"en": "en", "fr": "fr"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

log = logging.getLogger(__name__)


def pages_router(app: App) -> APIRouter:
    router = APIRouter()
    pages = Pages(app, _templates(), _kpis(app.settings))
    of_decisions = this_machine_or(app.settings.public_url)

    @router.get("/", response_class=HTMLResponse, dependencies=[Depends(only_this_machine)])
    def overview(lang: str = "") -> HTMLResponse:
        """A language we do not have is answered in that of the installation."""
        return pages.show("overview.html", "/", lang, read_overview)

    @router.get(
        "/decisions/{decision_id}",
        response_class=HTMLResponse,
        dependencies=[Depends(of_decisions)],
    )
    def decision(decision_id: str, lang: str = "") -> HTMLResponse:
        """Where the link in every task leads."""
        here = f"/decisions/{quote(decision_id, safe='')}"
        return pages.show(
            "decision.html",
            here,
            lang,
            lambda session, moments, forms: read_decision(session, moments, forms, decision_id),
        )

    return router


@dataclass(frozen=True)
class Pages:
    app: App
    templates: Environment
    kpis: Mapping[str, KpiDefinition]

    def show(
        self,
        name: str,
        here: str,
        lang: str,
        read: Callable[[Session, Moments, TargetForms], Any],
    ) -> HTMLResponse:
        """The page `name` of what `read` finds; `here` is its own path. 404 for nothing found."""
        app, language = self.app, LANGUAGES.get(lang, self.app.settings.lang)
        moments = Moments(machine_now(), _business_now(app), app.settings.tz)
        shared = {
            "t": Texts(language),
            "figures": Figures(language, app.settings.tz),
            "now": moments.machine,
            "here": here,
        }
        try:
            with app.database.reading() as session, TargetForms(app) as forms:
                seen = read(session, moments, forms)
        except DATABASE_DOWN as error:
            log.error("The page could not be read from the database: %s", type(error).__name__)
            page = self.templates.get_template("unavailable.html").render(shared)
            return HTMLResponse(page, 503, HEADERS)
        page = self.templates.get_template(name).render(
            shared,
            seen=seen,
            moments=moments,
            clock_is_set=app.settings.clock is not None,
            kpi_titles={code: getattr(kpi.title, language) for code, kpi in self.kpis.items()},
        )
        return HTMLResponse(page, 200 if seen is not None else 404, HEADERS)


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(age=age, tone=tone)
    return environment


def _kpis(settings: Settings) -> dict[str, KpiDefinition]:
    """The definitions, for their titles; without them the page shows codes."""
    try:
        return library.catalogue(settings).by_code()
    except FileProblem as error:
        log.warning("KPIs are shown by their codes, because %s", error)
        return {}


def _business_now(app: App) -> datetime | None:
    try:
        return app.clock.now()
    except ClockUnreachable:
        return None
