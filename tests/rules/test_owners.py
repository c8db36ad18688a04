"""Who gets the work: one person, and the reason."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from rules.outcomes import ByDuty, ByRole, Named, OwnerRule
from rules.owners import Choice, NoOwner, choose_owner, with_work
from rules.people import Absence, Person, Staff, role_key

DAY = date(2026, 11, 23)


def person(name: str, role: str, *, active: bool = True, manager: str | None = None) -> Person:
    return Person(id=name, name=name.upper(), role=role, active=active, manager=manager)


def staff(*people: Person, away: tuple[str, ...] = (), load: dict[str, int] | None = None) -> Staff:
    absences = tuple(Absence(person=name, first_day=DAY, last_day=DAY) for name in away)
    return Staff({each.id: each for each in people}, absences, load or {})


def choose(rule: OwnerRule, team: Staff, on_duty: Mapping[str, str] | None = None) -> Choice:
    return choose_owner(rule, team, on=DAY, on_duty=on_duty or {}, language="en")


SDRS = (person("a", "SDR"), person("b", "SDR"), person("c", "Responsable SDR"))


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Marketer CRM", "marketer"),
        ("Responsable acquisition", "acquisition"),
        ("CMO", "cmo"),
        ("Responsable SDR", "sdr"),
        ("Chef de projet", "chef-de-projet"),
    ],
)
def test_a_title_tells_the_role(title: str, key: str) -> None:
    assert role_key(title) == key


@pytest.mark.requirement("F44")
def test_the_reason_of_the_choice_is_kept() -> None:
    rule = ByRole(by="role", role="SDR")
    assert choose(rule, staff(*SDRS)).reason == "holds the role sdr"
    french = choose_owner(rule, staff(*SDRS), on=DAY, on_duty={}, language="fr")
    assert french.reason == "tient le rôle sdr"


@pytest.mark.requirement("F44")
def test_the_rota_goes_round_and_passes_over_who_is_away() -> None:
    rule = ByRole(by="round_robin", role="SDR")
    team = staff(*SDRS, away=("b",))
    order = []
    for _ in range(4):
        chosen = choose(rule, team).person
        order.append(chosen.id)
        team = with_work(team, chosen)
    assert order == ["a", "c", "a", "c"]


def test_who_may_not_be_passed_over_keeps_the_turn() -> None:
    rule = ByRole(by="role", role="SDR", skip_absent=False)
    assert choose(rule, staff(*SDRS, away=("a",))).person.id == "a"


@pytest.mark.requirement("F44")
def test_the_least_loaded_gets_it_and_ties_go_by_id() -> None:
    rule = ByRole(by="least_loaded", role="SDR")
    choice = choose(rule, staff(*SDRS, load={"a": 2, "b": 1, "c": 1}))
    assert choice.person.id == "b"
    assert choice.reason == "least loaded in the role sdr (1 open)"


@pytest.mark.requirement("F44")
def test_the_fallback_stands_in_when_all_are_away() -> None:
    team = staff(*SDRS, person("boss", "CMO"), away=("a", "b", "c"))
    choice = choose(ByRole(by="round_robin", role="SDR", fallback="boss"), team)
    assert (choice.person.id, choice.left) == ("boss", None)
    assert choice.reason == "stands in: nobody is available for the role sdr"


@pytest.mark.parametrize("fallback", [None, "nobody", "gone"])
def test_without_a_usable_fallback_there_is_no_owner(fallback: str | None) -> None:
    team = staff(person("gone", "CMO", active=False))
    with pytest.raises(NoOwner, match="SDR"):
        choose(ByRole(by="role", role="SDR", fallback=fallback), team)


def test_a_named_person_keeps_the_work_when_away() -> None:
    choice = choose(Named(by="named", person="a"), staff(*SDRS, away=("a",)))
    assert (choice.person.id, choice.reason) == ("a", "named by hand")


@pytest.mark.parametrize("duty", ["accountable", "deal_owner", "sheet_owner"])
def test_whoever_answers_for_it_gets_it(duty: str) -> None:
    rule = ByDuty.model_validate({"by": duty})
    assert choose(rule, staff(*SDRS), {duty: "b"}).person.id == "b"
    with pytest.raises(NoOwner):
        choose(rule, staff(*SDRS))
    assert choose(rule.model_copy(update={"fallback": "c"}), staff(*SDRS)).person.id == "c"


@pytest.mark.requirement("F44")
def test_work_of_a_leaver_goes_to_the_role_and_says_who_left() -> None:
    gone = person("a", "SDR", active=False)
    choice = choose(Named(by="named", person="a"), staff(gone, *SDRS[1:], load={"b": 3}))
    assert (choice.person.id, choice.left) == ("c", gone)
    assert choice.reason == "least loaded in the role sdr (0 open); A has left"


def test_without_another_holder_a_leavers_work_goes_to_the_manager() -> None:
    gone = person("a", "SDR", active=False, manager="boss")
    assert (
        choose(Named(by="named", person="a"), staff(gone, person("boss", "CMO"))).person.id
        == "boss"
    )
    with pytest.raises(NoOwner):
        choose(Named(by="named", person="a"), staff(gone))


def test_an_absence_counts_on_both_its_days_and_not_around() -> None:
    away = Absence(person="a", first_day=date(2026, 11, 23), last_day=date(2026, 11, 24))
    team = replace(staff(*SDRS), absences=(away,))
    days = [team.is_away(SDRS[0], date(2026, 11, day)) for day in (22, 23, 24, 25)]
    assert days == [False, True, True, False]
    with pytest.raises(ValueError, match="ends before it starts"):
        Absence(person="a", first_day=date(2026, 11, 24), last_day=date(2026, 11, 23))
