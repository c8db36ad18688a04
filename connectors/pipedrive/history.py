"""Moves of deals between stages: what the deals tell, or their changelogs.

A changelog costs 20 tokens a deal, and a small company has 30,000 a day. So by default each deal
gives its last move and its end, and moves add up from pull to pull; with `all` the changelog of
every deal that moved since is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from connectors.errors import NotFound
from connectors.models import StageChange, history_of
from connectors.pipedrive.mapping import KINDS, to_latest_moves, to_move, utc
from connectors.pipedrive.paging import Listing, by_cursor
from connectors.pipedrive.rows import ChangeRow, DealRow, StageRow
from connectors.pipedrive.wire import Company
from connectors.port import Page, Partition, Window

CHANGELOG = 20
# A page of deals is one commit with all its changelogs.
DEALS_A_PAGE = 50
STAGE, STATUS = "stage_id", "status"


class History:
    def __init__(self, company: Company, whole: bool) -> None:
        self._company = company
        self._whole = whole

    def pages(
        self, archived: bool, window: Window, share: Partition
    ) -> Iterator[Page[StageChange]]:
        listing = _listing(archived)
        if not self._whole:
            return by_cursor(self._company, listing, window, share)
        return self._with_changelogs(listing, window, share)

    def of_deal(self, row: DealRow) -> Sequence[StageChange]:
        return self.changes(row)[0] if self._whole else to_latest_moves(row)

    def changes(self, row: DealRow) -> tuple[Sequence[StageChange], int]:
        """All moves of a deal, and how many requests they took."""
        path = f"v1/deals/{row.id}/changelog"
        try:
            log = self._company.every(path, list[ChangeRow], CHANGELOG)
        except NotFound:
            # Deleted since it was listed.
            return (), 1
        # Oldest first, whatever the order of the pages.
        rows = sorted(log.rows, key=lambda one: utc(one.time))
        left = (one.old_value for one in rows if one.field_key == STAGE)
        stage = str(next(left, None) or row.stage_id)
        moves = [self._move(row.id, stage, row.add_time)]
        for one in rows:
            if one.field_key == STAGE and one.new_value:
                stage = str(one.new_value)
                moves.append(self._move(row.id, stage, utc(one.time)))
            elif one.field_key == STATUS and one.new_value in KINDS:
                moves.append(self._move(row.id, stage, utc(one.time), str(one.new_value)))
        return moves, log.requests

    def _with_changelogs(
        self, listing: Listing[DealRow, Any], window: Window, share: Partition
    ) -> Iterator[Page[StageChange]]:
        """The rows come through the listing as they are, one page of deals a page."""
        rows: list[DealRow] = []

        def keep(row: DealRow) -> Sequence[StageChange]:
            rows.append(row)
            return ()

        kept = replace(listing, to=keep, limit=DEALS_A_PAGE)
        for page in by_cursor(self._company, kept, window, share):
            records: list[StageChange] = []
            requests = page.requests
            for row in {row.id: row for row in rows}.values():
                if not row.is_deleted and _moved_since(row, window.start):
                    moves, asked = self.changes(row)
                    records += moves
                    requests += asked
            rows.clear()
            yield replace(page, records=records, requests=requests)

    def _move(self, deal: int, stage: str, at: datetime, status: str | None = None) -> StageChange:
        return to_move(deal, stage, self._pipelines.get(stage), at, status)

    @cached_property
    def _pipelines(self) -> dict[str, str]:
        stages = self._company.every("v2/stages", list[StageRow], 5)
        return {str(row.id): str(row.pipeline_id) for row in stages.rows}


def _listing(archived: bool) -> Listing[DealRow, StageChange]:
    path = "v2/deals/archived" if archived else "v2/deals"
    cost = 20 if archived else 10
    return Listing(path, DealRow, to_latest_moves, cost, aside=partial(history_of, "deals"))


def _moved_since(row: DealRow, start: datetime | None) -> bool:
    moments = (row.add_time, row.stage_change_time, row.won_time, row.lost_time, row.close_time)
    return start is None or any(at is not None and at >= start for at in moments)
