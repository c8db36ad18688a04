"""What the conformance kit is told of files: a folder, and why most rows cannot apply to one."""

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from connectors.files.connector import PAGE_ROWS, Files
from connectors.models import Stream
from tests.connectors.conformance.case import Case, Json

NO_CALLS = "Nothing is called: files are read from a folder, and there is no answer to go wrong."
NO_LINKS = "A file is read row by row: there is no next link."
WHOLE = (
    "A changed file is read again as a whole, by the time of the file: its rows have no moments."
)
DAYS = "Rows bear days and no moments, so there is no zone to heed."
COLUMNS = "Files have columns and no custom fields: a column that is not known is not read."
STAY = "Figures of a row or file that is gone stay, as people tidy folders."
NO_WRITES = "Nothing is written into files."
NO_HOOKS = "A folder sends no webhooks."


class Folder:
    """One file of campaign figures, written anew when time passes."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._rows: list[Json] = []
        self._written = 0
        self.settings: Mapping[str, Any] = {"folder": self._folder.name}
        self.published = self.settings
        self.transport: httpx.BaseTransport = httpx.MockTransport(_nobody)

    def edit(self, stream: Stream, record_id: str, change: Json) -> str:
        assert (stream, record_id) == (Stream.CAMPAIGN_STATS, "new")
        campaign = f"C-{len(self._rows)}"
        self._rows.append({"day": "2026-09-01", "campaign": campaign, **change["set"]})
        return self._id(campaign)

    def truth(self, stream: Stream, query: str = "") -> list[Json]:
        untold = dict.fromkeys(("spend", "currency", "impressions", "sessions"))
        return [
            {**untold, "id": self._id(row["campaign"]), "group": "treated", **row}
            for row in self._rows
        ]

    def set_clock(self, moment: datetime) -> None:
        if len(self._rows) == self._written:
            return
        self._written = len(self._rows)
        with Path(self._folder.name, "figures.csv").open("w", newline="") as handle:
            table = csv.writer(handle)
            table.writerow(["day", "campaign", "clicks"])
            table.writerows([row["day"], row["campaign"], row["clicks"]] for row in self._rows)

    def log(self) -> list[Json]:
        return []

    def end(self) -> None:
        self._folder.cleanup()

    def _id(self, campaign: str) -> str:
        return f"2026-09-01|{campaign}|treated"


def _nobody(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("files call nobody")


CASE = Case(
    tool=Files,
    opened=Folder,
    page=PAGE_ROWS,
    cap=PAGE_ROWS,
    stream=Stream.CAMPAIGN_STATS,
    new=lambda _title: {"clicks": 3},
    not_applicable={
        "ties-over-a-page": WHOLE,
        "index-lag": "A folder shows a file at once.",
        "insert-while-paging": "A file that is written while it is read waits for the next run.",
        "update-while-paging": "A file that is written while it is read waits for the next run.",
        "delete-while-paging": STAY,
        **dict.fromkeys(("empty-page", "short-page", "repeating-page"), NO_LINKS),
        "no-cursor-value": WHOLE,
        **dict.fromkeys(("zone-ahead", "zone-behind", "dst-night"), DAYS),
        **dict.fromkeys(
            ("unknown-field", "renamed-field", "retyped-field", "removed-field", "500-properties"),
            COLUMNS,
        ),
        **dict.fromkeys(("error-in-200", "html-in-200", "cut-json", "empty-object"), NO_CALLS),
        "set-aside": "The kit spoils answers, and there are none; the tests of files spoil cells.",
        "set-aside-again": "A folder is not asked for single records.",
        **dict.fromkeys(("delete", "archive", "merge", "restore"), STAY),
        **dict.fromkeys(("429-seconds", "429-date", "429-bare", "429-hour", "budget"), NO_CALLS),
        **dict.fromkeys(("token-of-90-s", "rotating-refresh"), "A folder asks for no token."),
        **dict.fromkeys(
            (
                "lost-answer",
                "lost-request",
                "partial-success",
                "whole-batch-refused",
                "normalised",
                "echo-by-poll",
            ),
            NO_WRITES,
        ),
        **dict.fromkeys(
            (
                "echo-by-webhook",
                "webhook-doubled",
                "webhook-reordered",
                "webhook-late",
                "webhook-forged",
                "webhook-replayed",
            ),
            NO_HOOKS,
        ),
    },
)
