"""Files as a tool: campaign, form and e-mail figures from CSV and XLSX files in a folder.

A record is the figures of one day, campaign and group. Within one file a key may stand once;
between files each figure is taken from the file modified last that gives it, so a corrected file
updates and never doubles, and two files may hold different columns. A file that leaves the folder
takes nothing with it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

import msgspec

from connectors.files.cells import Cell, is_blank
from connectors.files.folder import FileRefused, SourceFile, list_folder, snapshot
from connectors.files.headers import (
    KEY,
    MEASURES,
    HeaderNames,
    Table,
    find_table,
    nothing_known,
    tidy,
)
from connectors.files.mapping import KINDS, Figures, RowRefused, settle
from connectors.files.reading import sheets_of
from connectors.files.settings import FilesConfig
from connectors.models import CampaignStats, DailyStats, EmailStats, FormStats, Stream
from connectors.port import (
    Connector,
    Page,
    Partition,
    Presence,
    RefusedRecord,
    RemoteField,
    Window,
)

S = TypeVar("S", bound=DailyStats)

PAGE_ROWS = 5000
SAMPLES = 3
# Before any file: a modification time may lie before 1970.
FIRST = (-(2**63), "")
SAMPLED_ROWS = 50


@dataclass
class Index:
    """What a first reading of the files showed, before a page is given out; by file name.

    `settled` are the writings of a file's tables, `twice` the places of ids that stand more than
    once in it, `owners` the file that has the last word on each figure of an id, in the order of
    `MEASURES`, None where no file gives it.
    """

    settled: dict[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    twice: dict[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    refused: dict[str, FileRefused] = field(default_factory=dict)
    owners: dict[str, Sequence[str | None]] = field(default_factory=dict)

    def own(self, file: str, id_: str, given: Sequence[bool]) -> None:
        """The file gives these figures of the id, and the files before it no longer do."""
        before = self.owners.get(id_, (None,) * len(given))
        now = tuple(file if gives else old for gives, old in zip(given, before, strict=True))
        self.owners[id_] = now


class Files(Connector[FilesConfig]):
    kind = "files"
    label = "CSV and Excel files"
    docs = "connectors/files/README.md"
    Config = FilesConfig
    limits = (
        "50 MB a file; each is read two or three times, one after the other.",
        "About 3,000 rows a second from CSV, 1,200 from Excel.",
    )
    quirks = (
        "Figures of a file or row that is gone stay: set them to 0 to take them back.",
        "What has two readings (03/04/2026, 50.000) is refused until a setting decides.",
        "An empty cell is an unknown figure, never zero.",
        "Of two files with the same day, campaign and group the later one has the last word on "
        "each figure that it gives.",
    )
    shaping = frozenset({"columns", "currency", "encoding", "decimal", "date_format"})

    def is_sandbox(self) -> bool:
        """Its figures carry their own days, so business time may be set to any of them."""
        return True

    def identity(self) -> Sequence[str]:
        return (str(self.config.folder),)

    def check(self) -> str:
        """The folder and how many files feed which stream. Raises NotPermitted, Unavailable."""
        files = list_folder(self.config.folder).files
        feeding: Counter[Stream] = Counter()
        refused = []
        for file in files:
            try:
                feeding.update({s for table in self._tables(file) for s in table.streams})
            except FileRefused as refusal:
                refused.append(str(refusal))
        if not files:
            return f"{self.config.folder}: no files yet; put .csv or .xlsx files there"
        counts = ", ".join(f"{stream} from {count}" for stream, count in sorted(feeding.items()))
        unusable = f"; {len(refused)} cannot be used: {' · '.join(refused)}" if refused else ""
        return f"{self.config.folder}: {_of(len(files))} ({counts or 'no stream'}){unusable}"

    def campaign_stats(self, window: Window, partition: Partition) -> Iterator[Page[CampaignStats]]:
        return self._pages(Stream.CAMPAIGN_STATS, CampaignStats, window, partition)

    def form_stats(self, window: Window, partition: Partition) -> Iterator[Page[FormStats]]:
        return self._pages(Stream.FORM_STATS, FormStats, window, partition)

    def email_stats(self, window: Window, partition: Partition) -> Iterator[Page[EmailStats]]:
        return self._pages(Stream.EMAIL_STATS, EmailStats, window, partition)

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        """Figures that are in no file any more stay: people tidy folders, history must not go."""
        return dict.fromkeys(ids, Presence.HIDDEN)

    def fields(self, stream: Stream) -> Sequence[RemoteField]:
        """The headers of all files that may feed the stream; `custom` are those not recognised."""
        found: dict[str, RemoteField] = {}
        for file in list_folder(self.config.folder).files:
            names = self._names(file)
            if stream not in names.streams:
                continue
            try:
                for table in self._found(file, names):
                    found = _headers(table, names) | found
            except FileRefused:
                # A file that cannot be read has no headers to offer; check says why.
                continue
        return list(found.values())

    def passed_over(self) -> Sequence[str]:
        """Of each sheet that feeds a stream, the columns of which nothing is read."""
        told = []
        for file in list_folder(self.config.folder).files:
            with suppress(FileRefused):
                told += [
                    f"{table.place}: {', '.join(table.passed_over)}"
                    for table in self._tables(file)
                    if table.passed_over
                ]
        return told

    def _pages(
        self, stream: Stream, record: type[S], window: Window, partition: Partition
    ) -> Iterator[Page[S]]:
        folder = list_folder(self.config.folder)
        after, rows_done = _from_position(partition.after)
        # A file that is named after other streams is none of this one's business, broken or not.
        files = [file for file in folder.files if stream in self._names(file).streams]
        due = [
            file
            for file in files
            if file.order >= after and (window.start is None or file.changed >= window.start)
        ]
        # Files modified later have the last word, also those that are not due themselves.
        index = self._index(stream, [f for f in files if due and f.order >= due[0].order])
        held_up = [
            f.changed for f in due if f.name in index.refused and index.refused[f.name].temporary
        ]
        now = min([folder.now, *held_up])
        silent = True
        for file in due:
            skip = rows_done if file.order == after else 0
            for page in self._file_pages(file, stream, record, index, skip, now):
                silent = False
                yield page
        if silent:
            yield Page((), position=partition.after, remote_now=now, requests=0)

    def _index(self, stream: Stream, files: Sequence[SourceFile]) -> Index:
        index = Index()
        for file in files:
            places: dict[str, list[str]] = {}
            given: list[tuple[str, Sequence[bool]]] = []
            try:
                figures = [
                    settle(table, stream, self.config.conventions())
                    for table in self._tables(file)
                    if stream in table.streams
                ]
                for one in figures:
                    for number, cells in one.rows():
                        if id_ := one.id_of(cells):
                            places.setdefault(id_, []).append(one.place(number))
                            given.append((id_, one.given(cells)))
            except FileRefused as refusal:
                index.refused[file.name] = refusal
                continue
            index.settled[file.name] = [one.settled for one in figures]
            index.twice[file.name] = {i: rows for i, rows in places.items() if len(rows) > 1}
            for id_, figures_given in given:
                index.own(file.name, id_, figures_given)
        return index

    def _file_pages(
        self,
        file: SourceFile,
        stream: Stream,
        record: type[S],
        index: Index,
        skip: int,
        now: datetime,
    ) -> Iterator[Page[S]]:
        records: list[S] = []
        refused: list[RefusedRecord] = []
        read = 0

        def page() -> Page[S]:
            return Page(tuple(records), _to_position(file, read), tuple(refused), now, requests=0)

        try:
            for figures, number, cells in self._rows(file, stream, index):
                read += 1
                if read <= skip:
                    continue
                outcome = _outcome(figures, number, cells, file, index)
                if isinstance(outcome, RefusedRecord):
                    refused.append(outcome)
                elif outcome is not None:
                    records.append(msgspec.convert(outcome, record))
                if len(records) + len(refused) == PAGE_ROWS:
                    yield page()
                    records, refused = [], []
        except FileRefused as refusal:
            # It counts as a row, so that who goes on behind it does not meet it again.
            read += 1
            if read > skip:
                refused.append(RefusedRecord(None, str(refusal), raw=""))
        if records or refused:
            yield page()

    def _rows(
        self, file: SourceFile, stream: Stream, index: Index
    ) -> Iterator[tuple[Figures, int, Sequence[Cell]]]:
        if file.name in index.refused:
            raise index.refused[file.name]
        tables = [table for table in self._tables(file) if stream in table.streams]
        for table, settled in zip(tables, index.settled[file.name], strict=True):
            figures = Figures(table, stream, self.config.conventions(), settled)
            for number, cells in figures.rows():
                yield figures, number, cells

    def _tables(self, file: SourceFile) -> Sequence[Table]:
        """The tables of a file that feed a stream, at least one. Raises FileRefused."""
        names = self._names(file)
        found = self._found(file, names)
        feeding = [table for t in found if (table := names.mapped(t)).streams]
        if not feeding:
            raise nothing_known(file.name, found)
        return feeding

    def _found(self, file: SourceFile, names: HeaderNames) -> Sequence[Table]:
        sheets = sheets_of(file.name, snapshot(file), self.config.encoding, names.score)
        return [table for sheet in sheets if (table := find_table(file.name, sheet, names))]

    def _names(self, file: SourceFile) -> HeaderNames:
        return HeaderNames(file.name, self.config.columns, self.config.currency)


def _of(files: int) -> str:
    return f"{files} file{'' if files == 1 else 's'}"


def _outcome(
    figures: Figures, number: int, cells: Sequence[Cell], file: SourceFile, index: Index
) -> Mapping[str, object] | RefusedRecord | None:
    """The values of a record, why there is none, or None for a row that has been dealt with."""
    id_ = figures.id_of(cells)
    if id_ is not None and (places := index.twice[file.name].get(id_)):
        return _twice(figures, cells, id_, places) if figures.place(number) == places[0] else None
    mine = MEASURES[figures.stream]
    if id_ is not None:
        owners = zip(mine, index.owners[id_], strict=True)
        mine = tuple(measure for measure, owner in owners if owner == file.name)
        if not mine:
            return None
    try:
        return figures.values(number, cells, mine) | {"id": id_, "updated_at": file.modified}
    except RowRefused as bad:
        return RefusedRecord(id_, str(bad), figures.raw(cells))


def _twice(
    figures: Figures, cells: Sequence[Cell], id_: str, places: Sequence[str]
) -> RefusedRecord:
    reason = f"{' and '.join(places)}: {_key_columns(figures)} hold the same ({id_}); keep one"
    return RefusedRecord(id_, reason, figures.raw(cells))


def _key_columns(figures: Figures) -> str:
    return ", ".join(figures.table.column(f) for f in KEY if f in figures.table.columns)


def _headers(table: Table, names: HeaderNames) -> dict[str, RemoteField]:
    rows = [cells for _number, cells in islice(table.body(), SAMPLED_ROWS)]
    found = {}
    for index, header in enumerate(table.headers):
        if header:
            seen = dict.fromkeys(
                str(c[index]) for c in rows if c[index:] and not is_blank(c[index])
            )
            known = names.fields.get(tidy(header))
            found[header] = RemoteField(
                header,
                header,
                type=KINDS[known].value if known in KINDS else "text",
                custom=known is None and tidy(header) not in names.shared,
                read_only=True,
                samples=tuple(islice(seen, SAMPLES)),
            )
    return found


def _to_position(file: SourceFile, rows: int) -> str:
    return f"{file.status.st_mtime_ns}|{rows}|{file.name}"


def _from_position(position: str) -> tuple[tuple[int, str], int]:
    """The order of the file to go on with, and how many of its rows are done."""
    if not position:
        return FIRST, 0
    modified, rows, name = position.split("|", 2)
    return (int(modified), name), int(rows)
