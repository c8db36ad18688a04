"""Taking retros in: ids are unique over all retros, and a file that takes one is refused whole."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rules.yaml_document import Refused
from sync.store import retros
from sync.tables.retros import Decision
from tests.workers import company as founding
from tests.workers.company import DECISION, HELD, RETRO, Company
from workers.people_file import import_people
from workers.retros import import_retro

NEXT = RETRO.replace("2026-11-23", "2026-12-07")
HYPOTHESIS = """\
hypotheses:
  - {id: H-1, cause: bouton, change: gabarit, kpi: click_rate, expected_relative: 0.1}
"""


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = founding.found(tmp_path / "home")
    yield made
    made.app.close()


def stored(company: Company) -> tuple[list[str], list[tuple[str, str]]]:
    with company.app.database.reading() as session:
        return (
            [row.id for row in retros.all_retros(session)],
            [(row.id, row.retro_id) for row in retros.decisions(session)],
        )


def test_ids_of_another_retro_are_refused_with_line_and_its_name(company: Company) -> None:
    import_retro(company.at(HELD), RETRO + HYPOTHESIS, "first.yaml")
    before = stored(company)
    with pytest.raises(Refused) as refused:
        import_retro(company.at(HELD + timedelta(days=14)), NEXT + HYPOTHESIS, "next.yaml")
    assert refused.value.problems == [
        "next.yaml:4: observations[0].id: the id O-1 belongs to retro R-2026-11-23; ids are unique "
        "over all retros: take another, such as O-1-2026-12-07",
        f"next.yaml:6: decisions[0].id: the id {DECISION} belongs to retro R-2026-11-23; ids are "
        f"unique over all retros: take another, such as {DECISION}-2026-12-07",
        "next.yaml:16: hypotheses[0].id: the id H-1 belongs to retro R-2026-11-23; ids are unique "
        "over all retros: take another, such as H-1-2026-12-07",
    ]
    assert stored(company) == before


def test_the_same_retro_read_again_corrects_the_words_and_keeps_the_status(
    company: Company,
) -> None:
    import_retro(company.at(HELD), RETRO, "first.yaml")
    with company.app.database.writing() as session:
        decision = session.get_one(Decision, DECISION)
        decision.status = "in_progress"
        session.add(decision)
    import_retro(company.at(HELD), RETRO.replace("nouveau gabarit", "autre gabarit"), "first.yaml")
    found = company.decision()
    assert (found.text, found.status) == ("autre gabarit du bouton", "in_progress")


def test_a_retro_with_ids_of_its_own_is_planned(company: Company) -> None:
    portal = company.connect("portal", {"p_mkt": "7", "p_des": "8"})
    company.mails(portal, founding.date(2026, 10, 26), 40, clicked=25)
    company.decide()
    company.decide(text=NEXT.replace("O-1", "O-2").replace(DECISION, "D-2"))
    assert dict(stored(company)[1]) == {DECISION: "R-2026-11-23", "D-2": "R-2026-12-07"}
    with company.app.database.reading() as session:
        assert len(retros.actions(session, "D-2")) == 2


def test_a_country_without_known_holidays_is_refused_with_its_line(company: Company) -> None:
    text = "people:\n  - {id: p_x, name: X, role: SDR, country: Atlantis}\n"
    with pytest.raises(Refused) as refused:
        import_people(company.app, text, "people.yaml")
    assert refused.value.problems == [
        "people.yaml:2: people[0].country: no public holidays are known for Atlantis"
    ]


def test_an_id_and_an_address_given_twice_are_refused_with_both_lines(company: Company) -> None:
    text = (
        "people:\n"
        "  - {id: p_x, name: X, role: SDR, email: x@example.com}\n"
        "  - {id: p_x, name: X, role: CMO}\n"
        "  - {id: p_y, name: Y, role: SDR, email: X@Example.com}\n"
    )
    with pytest.raises(Refused) as refused:
        import_people(company.app, text, "people.yaml")
    assert refused.value.problems == [
        "people.yaml:3: people[1].id: the id p_x is given twice, first in line 2; remove one",
        "people.yaml:4: people[2].email: X@Example.com is the address of p_x in line 2; "
        "give each their own: accounts are matched by it",
    ]


def test_the_address_of_somebody_known_is_not_given_to_another(company: Company) -> None:
    first = "people:\n  - {id: p_x, name: X, role: SDR, email: x@example.com}\n"
    import_people(company.app, first, "first.yaml")
    second = "people:\n  - {id: p_y, name: Y, role: SDR, email: x@example.com}\n"
    with pytest.raises(Refused) as refused:
        import_people(company.app, second, "second.yaml")
    assert refused.value.problems == [
        "second.yaml:2: people[0].email: x@example.com is the address of p_x, who is known "
        "already; give each their own: accounts are matched by it, or put p_x without one into "
        "the file"
    ]
    moved = f"{second}  - {{id: p_x, name: X, role: SDR}}\n"
    assert len(import_people(company.app, moved, "second.yaml").people) == 2
