"""The figures as tables on standard output, and all of it in a file under `var/bench/`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.plan import ROOT, Sizes
from tests.bench.targets import Row, Verdict

FOLDER = ROOT / "var" / "bench"


def show(rows: Sequence[Row], verdicts: Sequence[Verdict], console: Console) -> None:
    console.print(_figures(rows))
    console.print()
    console.print(_verdicts(verdicts))


def keep(
    rows: Sequence[Row], verdicts: Sequence[Verdict], sizes: Sizes, folder: Path = FOLDER
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    told = {
        "sizes": asdict(sizes),
        "figures": [dict(row) for row in rows],
        "targets": [_plain(verdict) for verdict in verdicts],
    }
    file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def _plain(verdict: Verdict) -> Mapping[str, Any]:
    target = verdict.target
    return {
        "measure": target.measure,
        "of": target.words,
        "figure": verdict.figure,
        "at_least" if target.at_least else "at_most": verdict.bound,
        "met": verdict.met,
        "source": target.source,
    }


def _figures(rows: Sequence[Row]) -> Table:
    table = Table(box=None)
    columns = ("records", "requests", "refused", "seconds", "CPU s", "records/s", "peak MB")
    for column in ("measure", *columns, "median of"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['records']:,.0f}",
            f"{row['requests']:,.0f}",
            f"{row['refused']:,.0f}",
            f"{row['seconds']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['per_second']:,.0f}",
            f"{row['peak_mb']:.0f}",
            "once" if row["once"] else str(row["repeats"]),
        )
    return table


def _verdicts(verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=None)
    for column in ("measure", "figure", "threshold", "", "of", "asked by"):
        right = column in ("figure", "threshold")
        table.add_column(column, justify="right" if right else "left")
    for verdict in verdicts:
        target = verdict.target
        sign = "≥" if target.at_least else "≤"
        table.add_row(
            target.measure,
            _number(verdict.figure),
            f"{sign} {_number(verdict.bound)}",
            verdict.words,
            target.words,
            target.source,
            style=None if verdict.met else "red",
        )
    return table


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
