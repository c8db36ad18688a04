"""Two pulls, each of more than one page, and what the mirror holds when they are over: a first one
in two shares, and one that finds an edit, a new record, a delete and a record it may not see."""

from dataclasses import dataclass
from typing import Any

from connectors.models import Stream
from sync.tables.runs import RunStatus
from tests.portal import Mirrored

# More than ten pages of fifty deals, so that a share takes two requests.
TWO_PAGES = 540


def assert_first_pull_is_whole(mirrored: Mirrored, run_id: int, truth: dict[str, Any]) -> None:
    run = mirrored.run(run_id)
    assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
    assert (run.read, run.created, run.updated) == (len(truth), len(truth), 0)
    assert mirrored.records(Stream.STAGE_CHANGES) == truth
    assert mirrored.count_changes() == 0


@dataclass(frozen=True)
class Changed:
    """The id of the edited deal, and those that the mirror must hold in the end."""

    edited: str
    held: frozenset[str]


def change_deals(first: Mirrored) -> Changed:
    """After a first pull of the deals."""
    portal = first.portal
    edited, deleted, hidden, *_ = first.truth(Stream.DEALS)
    portal.edit("deals", edited, {"set": {"opportunity": 77.5}})
    portal.edit("deals", "new", {"set": {"title": "Nouvelle affaire"}})
    portal.edit("deals", deleted, {"delete": True})
    portal.edit("deals", hidden, {"hide": True})
    return Changed(edited, frozenset(first.truth(Stream.DEALS)) | {hidden})


def assert_each_change_is_found_once(mirrored: Mirrored, run_id: int, changed: Changed) -> None:
    run = mirrored.run(run_id)
    assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
    assert (run.read, run.created, run.updated) == (TWO_PAGES - 1, 1, 1)
    assert run.deleted == 1
    assert set(mirrored.records(Stream.DEALS)) == changed.held
    assert mirrored.records(Stream.DEALS)[changed.edited]["amount"] == "77.50"
    assert mirrored.count_changes() == 1
