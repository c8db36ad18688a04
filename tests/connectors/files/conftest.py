"""A folder of real files, written by the test, and the connector that reads it."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from connectors.budget import Budget, Limiter
from connectors.files.connector import Files
from connectors.files.settings import FilesConfig
from connectors.http import Wire
from connectors.models import Record, Stream
from connectors.port import Page, Partition, RefusedRecord, Window, read


def no_limiter(_budget: Budget) -> Limiter:
    raise AssertionError("files need no request budget")


@dataclass(frozen=True)
class Desk:
    """The folder as its users see it."""

    folder: Path

    def tool(self, **settings: Any) -> Files:
        config = FilesConfig.model_validate({"folder": self.folder} | settings)
        return Files(config, Wire(limiter=no_limiter, sleep=lambda _seconds: None))

    def text(self, name: str, content: str, encoding: str = "utf-8") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode(encoding))
        return path

    def csv(self, name: str, *rows: Sequence[object], delimiter: str = ";") -> Path:
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle, delimiter=delimiter).writerows(rows)
        return path

    def xlsx(self, name: str, *rows: Sequence[object], sheet: str = "Septembre") -> Path:
        book = Workbook()
        page = book.worksheets[0]
        page.title = sheet
        for row in rows:
            page.append(list(row))
        book.save(self.folder / name)
        return self.folder / name

    def pages(
        self,
        stream: Stream = Stream.CAMPAIGN_STATS,
        *,
        start: datetime | None = None,
        after: str = "",
        **settings: Any,
    ) -> list[Page[Record]]:
        tool = self.tool(**settings)
        return list(read(tool, stream, Window(start), Partition(after=after)))

    def records(self, stream: Stream = Stream.CAMPAIGN_STATS, **given: Any) -> list[Any]:
        return [record for page in self.pages(stream, **given) for record in page.records]

    def refused(self, stream: Stream = Stream.CAMPAIGN_STATS, **given: Any) -> list[RefusedRecord]:
        return [record for page in self.pages(stream, **given) for record in page.refused]

    def reason(self, stream: Stream = Stream.CAMPAIGN_STATS, **given: Any) -> str:
        """The only refusal there is."""
        (only,) = self.refused(stream, **given)
        return only.reason


def date_back(path: Path, days: int) -> None:
    """The file says it was modified `days` ago, as a copy of an old file does."""
    moment = path.stat().st_mtime - days * 86400
    os.utime(path, (moment, moment))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "figures"
    folder.mkdir()
    return Desk(folder)
