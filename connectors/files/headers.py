"""Which column of a sheet is which field, and so which streams a sheet feeds.

A sheet feeds every stream of which it has a figure (`MEASURES`). A file whose name starts with the
name of a stream (`email_stats_2026-09.csv`) feeds that stream only.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.files.cells import Cell, is_blank
from connectors.files.folder import FileRefused
from connectors.files.reading import Sheet
from connectors.models import Stream

MEASURES: Mapping[Stream, tuple[str, ...]] = {
    Stream.CAMPAIGN_STATS: ("spend", "impressions", "clicks", "sessions"),
    Stream.FORM_STATS: ("views", "starts", "completions"),
    Stream.EMAIL_STATS: ("delivered", "opened", "clicked"),
}
REQUIRED = ("day", "campaign")
KEY = (*REQUIRED, "group")

# Compared without case, accents and punctuation. The first of each is the field's own name.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "day": ("day", "date", "jour"),
    "campaign": ("campaign", "campaign name", "utm_campaign", "campagne", "nom de la campagne"),
    "group": ("group", "groupe"),
    "currency": ("currency", "devise"),
    "spend": ("spend", "cost", "amount spent", "dépenses", "dépense", "coût", "montant dépensé"),
    "impressions": ("impressions", "affichages"),
    "clicks": ("ad clicks", "clics publicitaires"),
    "sessions": ("sessions", "visits", "visites"),
    "views": ("views", "form views", "vues", "vues du formulaire"),
    "starts": ("starts", "form starts", "débuts", "débuts de formulaire"),
    "completions": ("completions", "submissions", "soumissions", "formulaires envoyés"),
    "delivered": (
        "delivered",
        "emails delivered",
        "délivrés",
        "e-mails délivrés",
        "emails délivrés",
    ),
    "opened": (
        "opened",
        "emails opened",
        "opens",
        "ouverts",
        "e-mails ouverts",
        "emails ouverts",
        "ouvertures",
    ),
    "clicked": (
        "clicked",
        "emails clicked",
        "email clicks",
        "cliqués",
        "e-mails cliqués",
        "emails cliqués",
        "clics e-mail",
    ),
}
# Headers that tools use for different things: the other columns of the sheet decide. None is a
# figure that is not kept: e-mails sent are not e-mails delivered.
SHARED: Mapping[str, Mapping[Stream, str | None]] = {
    "clicks": {Stream.CAMPAIGN_STATS: "clicks", Stream.EMAIL_STATS: "clicked"},
    "clics": {Stream.CAMPAIGN_STATS: "clicks", Stream.EMAIL_STATS: "clicked"},
    "envois": {Stream.FORM_STATS: "completions", Stream.EMAIL_STATS: None},
}


@dataclass(frozen=True)
class Table:
    """A sheet whose header row was found; `columns` holds the index of each known field."""

    place: str
    sheet: Sheet
    header_row: int
    headers: tuple[str, ...]
    columns: Mapping[str, int]

    @property
    def streams(self) -> Sequence[Stream]:
        return [s for s, measures in MEASURES.items() if self.columns.keys() & set(measures)]

    @property
    def passed_over(self) -> Sequence[str]:
        """The headers of which nothing is read."""
        read = set(self.columns.values())
        return [name for index, name in enumerate(self.headers) if name and index not in read]

    def body(self) -> Iterator[tuple[int, tuple[Cell, ...]]]:
        """The rows below the header that hold anything, with their number in the sheet."""
        for number, cells in enumerate(self.sheet.rows(), 1):
            if number > self.header_row and not all(map(is_blank, cells)):
                yield number, cells

    def cell(self, cells: Sequence[Cell], field: str) -> Cell:
        index = self.columns.get(field, len(cells))
        return cells[index] if index < len(cells) else None

    def column(self, field: str) -> str:
        return _column(self.headers, self.columns[field])


class HeaderNames:
    """What headers mean in a file of this name. `mine` are the headers that settings name."""

    def __init__(self, file_name: str, mine: Mapping[str, str], currency: str) -> None:
        self.named = {s for s in MEASURES if file_name.lower().startswith(s.value)}
        self.streams: Collection[Stream] = self.named or MEASURES.keys()
        fields = [f for f in HEADERS if f in _fields_of(self.streams)]
        self.fields = {tidy(mine[field]): field for field in fields if field in mine}
        for field in fields:
            for name in HEADERS[field] if field not in mine else ():
                self.fields.setdefault(tidy(name), field)
        if "spend" in fields and "spend" not in mine:
            # Advertisers' exports write the account's currency into the header.
            self.fields |= {tidy(f"{name} {currency}"): "spend" for name in HEADERS["spend"]}
        self.shared = {
            name: meanings
            for name, meanings in SHARED.items()
            if name not in self.fields and meanings.keys() & self.streams
        }

    def score(self, row: Sequence[Cell]) -> int:
        return sum(tidy(cell) in self.fields or tidy(cell) in self.shared for cell in row)

    def mapped(self, table: Table) -> Table:
        """The table with its columns. Raises FileRefused where a field has two, a header two
        meanings, or a table with figures no day or campaign."""
        mapped = replace(table, columns=self._columns(table.place, table.headers))
        missing = [field for field in REQUIRED if field not in mapped.columns]
        if missing and mapped.streams:
            raise FileRefused(
                f"{table.place}, row {table.header_row}: no column holds {' or '.join(missing)}; "
                "add it, or name its header in the setting columns "
                f"(found: {', '.join(filter(None, table.headers))})"
            )
        return mapped

    def _columns(self, place: str, headers: Sequence[str]) -> Mapping[str, int]:
        found: dict[str, list[int]] = {}
        for index, header in enumerate(headers):
            if field := self.fields.get(tidy(header)):
                found.setdefault(field, []).append(index)
        spoken_of = self.named or {s for s in MEASURES if found.keys() & set(MEASURES[s])}
        alone = dict(found)
        for index, header in enumerate(headers):
            if tidy(header) in self.shared:
                options = self._meanings(tidy(header), spoken_of, alone)
                if len(options) != 1:
                    raise FileRefused(_undecided(place, headers, index))
                field = options.pop()
                if field is not None:
                    found.setdefault(field, []).append(index)
        for field, (first, *others) in found.items():
            if others:
                raise FileRefused(
                    f"{place}: {_column(headers, first)} and {_column(headers, others[0])} both "
                    f"hold {field}; rename one, or name the right one in the setting columns"
                )
        return {field: indexes[0] for field, indexes in found.items()}

    def _meanings(
        self, header: str, spoken_of: Collection[Stream], taken: Collection[str]
    ) -> set[str | None]:
        meanings = self.shared[header]
        if not spoken_of:
            return {field for field in meanings.values() if field == header}
        options = {field for stream, field in meanings.items() if stream in spoken_of}
        return {o for o in options if o not in taken} if len(options) > 1 else options


def find_table(file_name: str, sheet: Sheet, names: HeaderNames) -> Table | None:
    """The sheet with its header row, the best known of the first ten; None for an empty sheet."""
    top = sheet.top()
    if all(is_blank(cell) for row in top for cell in row):
        return None
    best = max(top, key=lambda row: (names.score(row), sum(not is_blank(cell) for cell in row)))
    headers = tuple("" if is_blank(cell) else str(cell).strip() for cell in best)
    place = file_name if sheet.name is None else f'{file_name}, sheet "{sheet.name}"'
    return Table(place, sheet, top.index(best) + 1, headers, columns={})


def nothing_known(file_name: str, tables: Sequence[Table]) -> FileRefused:
    headers = [header for table in tables for header in table.headers if header]
    if not headers:
        return FileRefused(f"{file_name}: holds no rows; save it again with its header row")
    return FileRefused(
        f"{file_name}: no column of figures is known among {', '.join(headers[:20])}; name your "
        "headers in the setting columns, or move the file to another folder"
    )


def tidy(header: Cell) -> str:
    plain = unicodedata.normalize("NFKD", "" if header is None else str(header).casefold())
    letters = (letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^0-9a-z]+", " ", "".join(letters)).strip()


def _fields_of(streams: Collection[Stream]) -> set[str]:
    own = {field for stream in streams for field in MEASURES[stream]}
    return {*KEY, *own, *(("currency",) if "spend" in own else ())}


def _column(headers: Sequence[str], index: int) -> str:
    # Not at the top, see `reading`.
    from openpyxl.utils import get_column_letter

    return f'column {get_column_letter(index + 1)} "{headers[index]}"'


def _undecided(place: str, headers: Sequence[str], index: int) -> str:
    return (
        f"{place}: {_column(headers, index)} can mean different things; start the file's name with "
        f"{', '.join(MEASURES)}, or name the header in the setting columns"
    )
