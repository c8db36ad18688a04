"""The three-way merge of a task's fields, by table and by property."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merge import DEFAULTS, Clash, Contract, Merged, Side, TaskField, Values, differ, merge

TITLE, DUE, STATUS = TaskField.TITLE, TaskField.DUE, TaskField.STATUS
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
# A few words, so that sides often agree; the last two say the same.
WORDS = {
    TaskField.TITLE: ("a", "b", "c", "a "),
    TaskField.DESCRIPTION: ("one\ntwo", "three", "four", "one<br />two "),
    TaskField.OWNER: ("7", "8", "9"),
    TaskField.DUE: (
        "2026-12-14T17:00:00+00:00",
        "2026-12-15T17:00:00+00:00",
        "2026-12-16T17:00:00+00:00",
        "2026-12-14T18:00:00.250000+01:00",
    ),
    TaskField.STATUS: ("open", "in_progress", "done"),
}


def values(optional: bool) -> st.SearchStrategy[dict[TaskField, str]]:
    words = {name: st.sampled_from(known) for name, known in WORDS.items()}
    return st.fixed_dictionaries({}, optional=words) if optional else st.fixed_dictionaries(words)


OURS, THEIRS, BASE = values(optional=False), values(optional=True), values(optional=False)
CONTRACTS = st.fixed_dictionaries({name: st.sampled_from(Contract) for name in TaskField})
MOMENTS = st.dictionaries(
    st.sampled_from(TaskField), st.integers(0, 3).map(lambda n: NOON + timedelta(minutes=n))
)


def merged(ours: str, theirs: str | None, base: str | None, contract: Contract) -> Merged:
    def one(value: str | None) -> dict[TaskField, str]:
        return {} if value is None else {TITLE: value}

    return merge(Side(one(ours)), Side(one(theirs)), one(base), {TITLE: contract})


@pytest.mark.promise("G6")
@pytest.mark.parametrize(
    ("contract", "here", "there", "winner"),
    [
        (Contract.OURS, {}, {TITLE: "ours"}, Contract.OURS),
        (Contract.THEIRS, {TITLE: "theirs"}, {}, Contract.THEIRS),
        (Contract.LATEST, {}, {}, None),
        (Contract.ASK, {}, {}, None),
    ],
)
def test_the_contract_decides_what_both_sides_changed(
    contract: Contract, here: Values, there: Values, winner: Contract | None
) -> None:
    done = merged("ours", "theirs", "base", contract)
    assert (done.here, done.there) == (here, there)
    assert done.clashes == (Clash(TITLE, "base", "ours", "theirs", winner),)


@pytest.mark.parametrize(
    ("minutes", "winner"), [(-1, Contract.THEIRS), (0, None), (1, Contract.OURS)]
)
def test_the_latest_change_wins_and_two_at_one_moment_are_asked_about(
    minutes: int, winner: Contract | None
) -> None:
    ours = Side({TITLE: "ours"}, {TITLE: NOON + timedelta(minutes=minutes)})
    theirs = Side({TITLE: "theirs"}, {TITLE: NOON})
    done = merge(ours, theirs, {TITLE: "base"}, {TITLE: Contract.LATEST})
    assert [clash.winner for clash in done.clashes] == [winner]


@pytest.mark.promise("G6")
def test_two_fields_changed_on_two_sides_both_survive() -> None:
    base = {TITLE: "base", STATUS: "open"}
    done = merge(Side({**base, TITLE: "new"}), Side({**base, STATUS: "done"}), base, DEFAULTS)
    assert (done.here, done.there, done.clashes) == ({STATUS: "done"}, {TITLE: "new"}, ())


def test_what_was_never_agreed_on_is_a_clash_when_it_differs() -> None:
    assert merged("ours", "theirs", None, Contract.ASK).clashes
    assert merged("same", "same", None, Contract.ASK) == Merged({}, {}, {TITLE: "same"}, ())
    assert merged("ours", None, None, Contract.ASK) == Merged({}, {}, {}, ())


def test_a_held_field_stays_as_it_is_on_both_sides() -> None:
    done = merge(
        Side({TITLE: "ours"}),
        Side({TITLE: "theirs"}),
        {TITLE: "base"},
        DEFAULTS,
        frozenset({TITLE}),
    )
    assert done == Merged({}, {}, {TITLE: "base"}, ())


@pytest.mark.promise("G7")
@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (DUE, "2026-12-14T17:00:00+00:00", "2026-12-14T18:00:00+01:00"),
        (DUE, "2026-12-14T17:00:00.250000+00:00", "2026-12-14T17:00:00+00:00"),
        (TITLE, "Bouton vert", " Bouton vert "),
        (TITLE, "Bouton\u00a0vert", "Bouton vert"),
        (TITLE, "e\u0301te\u0301", "\u00e9t\u00e9"),
        (TITLE, "Ventes & marges", "Ventes &amp; marges"),
        (TaskField.DESCRIPTION, "un\ndeux", "un  \ndeux\n"),
        (TaskField.DESCRIPTION, "un\ndeux", "un\r\ndeux"),
        (TaskField.DESCRIPTION, "un\ndeux", "un\rdeux"),
        (TaskField.DESCRIPTION, "un\ndeux", "un<BR />deux"),
        (TaskField.DESCRIPTION, "un\ndeux", "un[br]deux"),
    ],
)
def test_what_tools_rewrite_says_the_same(name: TaskField, one: str, other: str) -> None:
    assert not differ(name, one, other)
    assert not differ(name, other, one)


@pytest.mark.promise("G6")
@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (DUE, "2026-12-14T17:00:00+00:00", "2026-12-14T17:00:01+00:00"),
        (DUE, "2026-12-14T17:00:00+00:00", "2026-12-14T17:00:00+01:00"),
        (TITLE, "Bouton vert", "bouton vert"),
        (TITLE, "Bouton vert", "Boutonvert"),
        (TaskField.DESCRIPTION, "un\ndeux", "un deux"),
        (TaskField.DESCRIPTION, "un", ""),
        (TaskField.OWNER, "7", "7 "),
        (STATUS, "open", "done"),
    ],
)
def test_what_somebody_changed_says_something_else(name: TaskField, one: str, other: str) -> None:
    assert differ(name, one, other)


@pytest.mark.parametrize(
    ("contract", "agreed"),
    [
        (Contract.OURS, "theirs"),
        (Contract.THEIRS, "theirs"),
        (Contract.ASK, "base"),
    ],
)
def test_what_was_given_up_is_what_both_sides_agree_on(contract: Contract, agreed: str) -> None:
    """So the other side is what changed since, whatever is merged next."""
    assert merged("ours", "theirs", "base", contract).base == {TITLE: agreed}


@given(OURS, THEIRS, BASE, CONTRACTS)
def test_a_change_of_one_side_reaches_the_other_whatever_the_contract(
    ours: Values, theirs: Values, base: Values, contracts: dict[TaskField, Contract]
) -> None:
    done = merge(Side(ours), Side(theirs), base, contracts)
    for name in TaskField:
        their = theirs.get(name, base[name])
        changed_here, changed_there = (
            differ(name, ours[name], base[name]),
            differ(name, their, base[name]),
        )
        if changed_here and not changed_there:
            assert done.there[name] == ours[name]
        if changed_there and not changed_here:
            assert done.here[name] == their
        if not differ(name, ours[name], their):
            assert name not in done.here
            assert name not in done.there


@given(OURS, THEIRS, BASE, CONTRACTS, MOMENTS, MOMENTS)
def test_no_edit_is_lost_without_a_clash(
    ours: Values,
    theirs: Values,
    base: Values,
    contracts: dict[TaskField, Contract],
    ours_at: dict[TaskField, datetime],
    theirs_at: dict[TaskField, datetime],
) -> None:
    done = merge(Side(ours, ours_at), Side(theirs, theirs_at), base, contracts)
    clashing = {clash.field for clash in done.clashes}
    for name, value in done.here.items():
        assert value == theirs[name]  # never cleared, never made up
        assert name in clashing or not differ(name, ours[name], base[name])
    for name, value in done.there.items():
        assert value == ours[name]
        their = theirs.get(name, base[name])
        assert name in clashing or not differ(name, their, base[name])
    assert not done.here.keys() & done.there.keys()


@given(OURS, THEIRS, BASE, CONTRACTS, MOMENTS, MOMENTS)
def test_once_both_sides_took_what_they_were_given_nothing_is_left_to_do(
    ours: Values,
    theirs: Values,
    base: Values,
    contracts: dict[TaskField, Contract],
    ours_at: dict[TaskField, datetime],
    theirs_at: dict[TaskField, datetime],
) -> None:
    done = merge(Side(ours, ours_at), Side(theirs, theirs_at), base, contracts)
    ours_then = Side({**ours, **done.here}, ours_at)
    theirs_then = Side({**theirs, **done.there}, theirs_at)
    echo = merge(ours_then, theirs_then, done.base, contracts)
    assert (echo.here, echo.there) == ({}, {})
    assert [c.field for c in echo.clashes] == [c.field for c in done.clashes if not c.winner]
