"""Late data: figures of the baseline's days are corrected after the plan was applied."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync.store import retros
from sync.store.database import Database
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers.cli.kit import Retro

HELD_ON = date(2026, 11, 23)
DONE_ON = date(2026, 12, 10)
CHECKED_ON = DONE_ON + timedelta(days=30)
BASELINE_DAYS = 28
DELIVERED, CLICKED, CLICKED_LATER = 2000, 50, 80
# Counted late: against these the rate after would be a worse one, and the target missed.
CORRECTED = 90
# So does a control group whose corrected counts make it rise by more.
CONTROL_CLICKED, CONTROL_CORRECTED = 50, 25
PEOPLE = """
people:
  - {{id: p_mkt, name: Nadia Exemple, role: marketer, email: {email}}}
"""
RETRO = f"""
retro: R-1
held_at: {HELD_ON}T10:00:00+01:00
observations:
  - {{id: O-1, text: click rate too low, kpis: [transactional_email_click_rate]}}
decisions:
  - id: D-1
    from: O-1
    type: improve_kpi
    text: new button template
    kpi: transactional_email_click_rate
    target_relative: 0.15
    accountable: p_mkt
    helpers: [p_mkt]
    due_business_days: 10
"""


@pytest.fixture
def own_portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=10, start_at=datetime(2026, 11, 23, 9, 30, tzinfo=UTC)) as running:
        yield running


def test_a_recheck_compares_with_the_frozen_baseline_whatever_came_in_late(
    retro: Retro, own_portal: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    at(retro, HELD_ON)
    done(retro, "connect", "files", "figures", "--set", f"folder={folder}")
    assert retro.connect(own_portal).status == 0
    people = PEOPLE.format(email=own_portal.records("people")[0]["email"])
    done(retro, "people", "import", written(tmp_path / "people.yaml", people))
    done(retro, "pull", "portal", "--stream", "people")
    done(retro, "people", "match")

    put_figures(folder, clicked(CLICKED), until=HELD_ON)
    put_figures(folder, clicked(CONTROL_CLICKED, CONTROL_CLICKED), until=HELD_ON, group="témoin")
    done(retro, "pull", "figures")
    done(retro, "import", written(tmp_path / "retro.yaml", RETRO))
    done(retro, "apply")
    frozen = (CLICKED * BASELINE_DAYS, DELIVERED * BASELINE_DAYS)
    assert baseline_of(retro) == frozen

    complete_tasks(retro, own_portal)
    put_figures(folder, clicked(CORRECTED), until=CHECKED_ON)
    late = clicked(CONTROL_CORRECTED, CONTROL_CLICKED)
    put_figures(folder, late, until=CHECKED_ON, group="témoin")
    at(retro, CHECKED_ON)
    done(retro, "pull", "figures")
    assert before_today(retro) == CORRECTED / DELIVERED
    done(retro, "sync", "portal")

    check = check_of(retro)
    compared, after = check["stats"]["baseline"], check["stats"]["after"]
    assert (compared["numerator"], compared["denominator"]) == frozen
    assert after["value"] == CLICKED_LATER / DELIVERED
    control = check["stats"]["control_before"]
    assert (control["numerator"], control["denominator"]) == (
        CONTROL_CLICKED * BASELINE_DAYS,
        DELIVERED * BASELINE_DAYS,
    )
    assert check["outcome"] == "met"
    assert baseline_of(retro) == frozen


def done(retro: Retro, *arguments: str) -> None:
    answer = retro(*arguments)
    assert answer.status == 0, answer.out + answer.err


def at(retro: Retro, day: date) -> None:
    """At noon of that day."""
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{day}T11:00:00Z")


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def clicked(before: int, later: int = CLICKED_LATER) -> Mapping[date, int]:
    """Clicks by day: `before` until the work was done, mostly more of them from that day."""
    days = (HELD_ON + timedelta(days=n) for n in range(-BASELINE_DAYS, 60))
    return {day: before if day < DONE_ON else later for day in days}


def put_figures(
    folder: Path, clicks: Mapping[date, int], until: date, group: str = "traité"
) -> None:
    lines = ["Jour;Campagne;Groupe;Délivrés;Ouverts;Clics"]
    lines += [
        f"{day:%d/%m/%Y};Transactionnels;{group};{DELIVERED};{count};{count}"
        for day, count in clicks.items()
        if day < until
    ]
    (folder / f"emails-{group}.csv").write_text("\n".join(lines), encoding="utf-8")


def complete_tasks(retro: Retro, portal: Sandbox) -> None:
    """Somebody does the work, and the statuses come back."""
    done(retro, "push", "portal")
    moment = {"now": f"{DONE_ON}T09:00:00Z", "running": True}
    httpx.put(f"{portal.base}/_sandbox/clock", json=moment).raise_for_status()
    tasks = portal.call("tasks.task.list", {"start": -1, "select": ["ID"]})["tasks"]
    assert len(tasks) == 1
    portal.call("tasks.task.complete", {"taskId": tasks[0]["id"]})
    at(retro, DONE_ON + timedelta(days=1))
    done(retro, "sync", "portal")


def before_today(retro: Retro) -> float:
    """The rate of the baseline's days as the mirror has it now."""
    first = HELD_ON - timedelta(days=BASELINE_DAYS)
    code = "transactional_email_click_rate"
    answer = retro("kpis", code, "--from", str(first), "--to", str(HELD_ON), "--json")
    return float(answer.document[0]["value"])


def baseline_of(retro: Retro) -> tuple[int, int]:
    ((target,),) = (each["targets"] for each in retro("decisions", "--json").document)
    return target["baseline_numerator"], target["baseline_denominator"]


def check_of(retro: Retro) -> dict[str, Any]:
    """The figures of the only re-check there was."""
    database = Database(f"sqlite:///{retro.home / 'retro.db'}")
    with closing(database), database.reading() as session:
        (target,) = retros.targets(session)
        (check,) = retros.checks_of(session, target.key)
        return check.figures
