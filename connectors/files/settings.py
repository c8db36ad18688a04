"""The settings of a folder of files."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors.files.cells import COMMA, DMY, ISO, MDY, POINT
from connectors.files.headers import HEADERS, tidy
from connectors.files.mapping import Conventions
from connectors.port import ConnectorConfig

DECIMALS = {"auto": (COMMA, POINT), "comma": (COMMA,), "point": (POINT,)}
DAY_ORDERS = {"auto": (DMY, MDY), "iso": (ISO,), "dmy": (DMY,), "mdy": (MDY,)}


def _absolute(folder: Path) -> Path:
    # Every process of the service must mean the same folder, wherever it was started.
    return folder.expanduser().absolute()


def _known_fields(columns: dict[str, str]) -> dict[str, str]:
    unknown = columns.keys() - HEADERS.keys()
    if unknown:
        raise ValueError(f"no field {', '.join(sorted(unknown))}; there are {', '.join(HEADERS)}")
    headers = [tidy(header) for header in columns.values()]
    if twice := {header for header in headers if headers.count(header) > 1}:
        raise ValueError(f"one header is given to two fields: {', '.join(sorted(twice))}")
    return columns


def _known_encoding(encoding: str) -> str:
    try:
        "a".encode(encoding)
    except LookupError as error:
        raise ValueError(f"no encoding {encoding}; usual ones: utf-8-sig, cp1252") from error
    return encoding


class FilesConfig(ConnectorConfig):
    folder: Annotated[Path, AfterValidator(_absolute)] = Field(
        title="Folder", description="Where the files lie; only this folder, not those in it"
    )
    columns: Annotated[dict[str, str], AfterValidator(_known_fields)] = Field(
        default={}, title="Columns", description="Our field name to the header in your files"
    )
    currency: str = Field(
        default="EUR", pattern=r"^[A-Z]{3}$", title="Currency", description="Where a row names none"
    )
    encoding: Annotated[str, AfterValidator(_known_encoding)] = Field(
        default="utf-8-sig", title="Encoding of CSV files", description="Excel in France: cp1252"
    )
    decimal: Literal["auto", "comma", "point"] = Field(default="auto", title="Decimal separator")
    date_format: Literal["auto", "iso", "dmy", "mdy"] = Field(
        default="auto", title="Date format", description="iso 2026-09-30, dmy 30/09/2026, mdy 09/30"
    )

    def conventions(self) -> Conventions:
        return Conventions(self.currency, DECIMALS[self.decimal], DAY_ORDERS[self.date_format])
