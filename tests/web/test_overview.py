"""The page of connections, runs and decisions, over a real socket and a real database."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from connectors.files.settings import FilesConfig
from sync.store import connections, retros, schedules
from sync.store.runs import Progress
from sync.store.schedules import Timing
from sync.tables.agreements import Conflict, Reason
from sync.tables.retros import Problem
from tests.web.html import Reader
from tests.web.rows import (
    NOW,
    break_connection,
    fill,
    finished,
    save_decision,
    save_portal,
)
from tests.web.serving import free_port, serving
from web.overview import LATEST_DECISIONS
from workers.app import App, open_app
from workers.doctor import examine


def page(client: httpx.Client, lang: str = "en") -> Reader:
    answer = client.get("/", params={"lang": lang})
    assert answer.status_code == 200
    return Reader(answer.text)


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_the_page_is_sound_html_in_its_language(
    app: App, client: httpx.Client, lang: str, filled: bool
) -> None:
    if filled:
        fill(app)
    seen = page(client, lang)
    assert ("html", {"lang": lang}) in seen.tags
    assert (seen.count("h1"), seen.count("main"), seen.count("script")) == (1, 1, 0)
    assert len(seen.ids) == len(set(seen.ids))
    assert not any("style" in attrs for _, attrs in seen.tags)


def test_an_empty_installation_is_told_the_next_three_commands(client: httpx.Client) -> None:
    text = page(client).text
    assert "No tool is connected yet." in text
    for command in (
        "retro connect bitrix24 portal --secret webhook",
        "retro pull portal",
        "retro import retro.yaml",
    ):
        assert command in text


def test_a_connection_shows_its_account_and_how_fresh_it_is(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    assert "never; start with: retro pull portal" in page(client).text
    ended = datetime.now(UTC) - timedelta(minutes=12, seconds=5)
    with app.database.writing() as session:
        finished(session, portal, "deals", Progress(read=5), ended, complete=True)
    text = page(client).text
    assert "portal active Bitrix24 Account portal.example, user 1" in text
    assert "Last complete pull 12 minutes ago" in text
    assert "il y a 12 minutes" in page(client, "fr").text


def test_a_broken_connection_says_what_to_do(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    with app.database.writing() as session:
        break_connection(session, portal)

    english, french = page(client).text, page(client, "fr").text

    assert "1 connection 1 broken" in english
    assert (
        "The tool does not accept our key any more. The portal does not accept the webhook. "
        "Next step: Make a new webhook and connect again with it. "
        "Then try it again: retro check portal Who repairs it: an admin "
        "What waits for it: decision D-email-ctr, KPI transactional_email_click_rate"
    ) in english
    assert "L'outil n'accepte plus notre clé." in french
    assert "Prochaine étape : Créez une nouvelle clé dans l'outil" in french
    assert "The portal does not accept the webhook." in french


def test_decisions_come_first_then_connections_then_runs(app: App, client: httpx.Client) -> None:
    fill(app)
    ids = page(client).ids
    assert ids.index("decisions") < ids.index("connections") < ids.index("runs")


def test_a_folder_is_not_called_a_sandbox(app: App, client: httpx.Client) -> None:
    with app.database.writing() as session:
        connections.save_connection(
            session,
            app.vault,
            kind="files",
            name="figures",
            config=FilesConfig(folder=Path("/srv/figures")),
            account="/srv/figures",
            sandbox=True,
            at=NOW,
        )
    text = page(client).text
    assert "figures" in text
    assert "sandbox" not in text


def test_a_decision_shows_its_people_tasks_target_and_last_check(
    app: App, client: httpx.Client
) -> None:
    save_decision(app, save_portal(app))
    english, french = page(client).text, page(client, "fr").text
    assert (
        "nouveau gabarit du bouton at risk Retro R-2026-11-23 D-1 Accountable Ève Lambertin "
        "Due 2026-12-14 1 of 3 done"
    ) in english
    assert "Loup Tavernelle copywriter 2026-12-14 18:00 in progress" in english
    assert "KPI target unproven Click rate of transactional e-mails" in english
    assert (
        "2.50 % → to 2.87 % +15 %, baseline 1,205 of 48,210 from incomplete data "
        "Re-check on 2027-01-15 improved; target met on the point estimate, not proven "
        "+16.0 % (95 % CI +7.6 % to +25.0 %) Checked 2026-11-23 10:00"
    ) in english
    assert "an earlier verdict" not in english
    assert "2,50 % → vers 2,87 %" in french
    assert "Vérification le 15/01/2027 amélioré +16,0 % (IC 95 % +7,6 % à +25,0 %)" in french


def test_only_what_is_unfinished_can_be_overdue(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    save_decision(app, portal, status="measured", due_on=date(2020, 1, 2))
    before = page(client).text.count("overdue")
    save_decision(app, portal, status="in_progress", due_on=date(2020, 1, 2))
    assert page(client).text.count("overdue") == before + 1


def test_due_dates_follow_business_time(tmp_path: Path) -> None:
    """On the evening of the day in Paris a decision and its tasks are on time, then not."""
    for clock, overdue in (
        ("2026-12-14T17:30:00+01:00", 0),
        ("2026-12-14T18:30:00+01:00", 2),
        ("2026-12-15T00:30:00+01:00", 3),
    ):
        with serving(_app(tmp_path / clock[:16], clock)) as address:
            text = Reader(httpx.get(address).text).text
        assert text.count("overdue") == overdue
        assert "by RETRO_CLOCK" in text


def _app(home: Path, clock: str) -> App:
    app = open_app(load_settings({"RETRO_HOME": str(home), "RETRO_CLOCK": clock}))
    save_decision(app, save_portal(app))
    return app


def test_a_silent_clock_marks_nothing_and_says_so(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/_sandbox"
    with serving(_app(tmp_path, address)) as page_address:
        text = Reader(httpx.get(page_address).text).text
    assert "nothing is marked as late" in text
    assert "overdue" not in text


def test_the_newest_decisions_are_shown_and_the_others_counted(
    app: App, client: httpx.Client
) -> None:
    portal = save_portal(app)
    for number in range(1, LATEST_DECISIONS + 3):
        save_decision(app, portal, number=number, text=f"decision number {number}.")
    seen = page(client)
    assert seen.count("article") == LATEST_DECISIONS + 1
    assert "decision number 52." in seen.text
    assert "decision number 2." not in seen.text
    assert "2 earlier decisions are listed by: retro decisions" in seen.text


def test_the_language_is_that_of_the_installation_unless_the_address_names_one(
    tmp_path: Path,
) -> None:
    with serving(open_app(load_settings({"RETRO_HOME": str(tmp_path), "RETRO_LANG": "fr"}))) as at:
        assert '<html lang="fr">' in httpx.get(at).text
        assert '<html lang="en">' in httpx.get(f"{at}/?lang=en").text
        assert '<html lang="fr">' in httpx.get(f"{at}/?lang=de").text


def test_moments_are_shown_in_the_zone_of_the_installation(tmp_path: Path) -> None:
    app = open_app(load_settings({"RETRO_HOME": str(tmp_path), "RETRO_TZ": "Asia/Tokyo"}))
    save_portal(app)
    with serving(app) as address:
        text = Reader(httpx.get(address).text).text
    assert NOW.hour == 9
    assert "(2026-11-23 18:00)" in text
    assert "times in Asia/Tokyo" in text


def test_a_file_of_kpis_that_cannot_be_read_leaves_their_codes(tmp_path: Path) -> None:
    (tmp_path / "kpis.yaml").write_text("version: nothing\n")
    app = open_app(load_settings({"RETRO_HOME": str(tmp_path)}))
    save_decision(app, save_portal(app))
    with serving(app) as address:
        assert "transactional_email_click_rate" in httpx.get(address).text


def test_a_database_that_does_not_answer_is_told_in_plain_words(
    app: App, client: httpx.Client
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("connect", {}, ConnectionError("gone"))

    event.listen(app.database.engine, "engine_connect", refuse)
    answer = client.get("/?lang=fr")
    event.remove(app.database.engine, "engine_connect", refuse)
    assert answer.status_code == 503
    assert "La base de données ne répond pas" in Reader(answer.text).text


def test_what_the_rules_cannot_do_is_shown_until_they_can(app: App, client: httpx.Client) -> None:
    assert "What the rules cannot do" not in page(client).text
    told = "p_new has no account in portal; match people to accounts first: retro people match"
    with app.database.writing() as session:
        retros.keep_problems(
            session, [Problem(about="D-1:designer", rule="R05", message=told, since=NOW)]
        )
    text = page(client).text
    assert f"D-1:designer rule R05 {told} since 2026-11-23 10:00" in text
    assert "Ce que les règles ne peuvent pas faire" in page(client, "fr").text
    (bad,) = [finding for finding in examine(app.settings) if not finding.good]
    assert (bad.what, bad.found) == ("rules on D-1:designer", told)
    with app.database.writing() as session:
        retros.keep_problems(session, [])
    assert "What the rules cannot do" not in page(client).text


@pytest.mark.promise("G15")
def test_a_schedule_that_did_not_run_is_told_though_no_scheduler_is_alive(
    app: App, client: httpx.Client
) -> None:
    portal, now = save_portal(app), datetime.now(UTC)
    with app.database.writing() as session:
        quarter = Timing(every=timedelta(minutes=15))
        schedules.set_schedule(session, portal, "deals", quarter, now - timedelta(minutes=20))
    assert "did not run" not in page(client).text
    with app.database.writing() as session:
        schedules.set_schedule(session, portal, "leads", quarter, now - timedelta(hours=1))
        schedules.ensure_rules(session, timedelta(minutes=15), now - timedelta(hours=1))
    english, french = page(client).text, page(client, "fr").text
    assert "Schedules that did not run leads portal, due at" in english
    assert "evaluation of the rules, due at" in english
    assert "Start the service: retro run" in english
    assert "deals portal, due at" not in english
    assert "Planifications qui n'ont pas eu lieu leads portal, prévue le" in french
    told = {each.what: each.found for each in examine(app.settings) if not each.good}
    assert "did not run: it was due at" in told["schedule portal leads"]
    assert "schedule rules" in told


def test_what_both_sides_changed_is_shown_side_by_side_in_both_languages(
    app: App, client: httpx.Client
) -> None:
    portal = save_portal(app)
    save_decision(app, portal)
    assert "What both sides changed" not in page(client).text
    with app.database.writing() as session:
        for field, reason, ours, theirs in (
            ("title", Reason.CLASH, "Bouton vert", "Bouton rouge"),
            ("due", Reason.CLASH, "2026-12-14T17:00:00+00:00", "2026-12-21T17:00:00+00:00"),
            ("owner", Reason.UNKNOWN_ACCOUNT, None, "9"),
            ("task", Reason.DELETED, "open", "deleted"),
        ):
            session.add(
                Conflict(
                    connection_id=portal,
                    action_key="D-1:marketer",
                    field=field,
                    reason=reason,
                    ours=ours,
                    theirs=theirs,
                    theirs_at=NOW,
                    detected_at=NOW,
                )
            )
    english, french = page(client).text, page(client, "fr").text
    assert "4 conflicts" in english
    assert "title portal Changed on both sides. Last agreed not known Here Bouton vert" in english
    assert "In the tool Bouton rouge 2026-11-23 10:00" in english
    assert "Here 2026-12-14 18:00 In the tool 2026-12-21 18:00" in english
    assert "In the tool account 9" in english
    assert "Here to do In the tool deleted" in english
    assert "Loup Tavernelle is asked; settle it with: retro conflicts settle 1 ours" in english
    assert "Ce que les deux côtés ont modifié" in french
    assert "Ici à faire Dans l'outil supprimée" in french
