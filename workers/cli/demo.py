"""retro demo."""

import os
import sys
from datetime import datetime

import click
import msgspec

from config.settings import load_settings
from config.shipped import shipped_text
from rules.kpi_catalogue import parse_catalogue
from workers.cli.context import json_option
from workers.cli.output import Output
from workers.demo.play import play
from workers.demo.telling import Telling, step_line
from workers.demo.words import words


@click.command("demo")
@click.option("--perturb", type=int, metavar="SEED", help="Other counts, so other figures.")
@json_option
def demo_command(perturb: int | None, as_json: bool) -> None:
    """Play the main loop once, on a sandbox portal started for it."""
    output = Output(as_json)
    settings = load_settings(os.environ)
    language = settings.lang

    def tell(step: str, moment: datetime) -> None:
        sys.stderr.write(f"{step_line(step, moment, language)}\n")

    report = play(settings, perturb, tell)
    file = settings.home / "demo" / "report.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if as_json:
        output.document(report)
    else:
        # Not those of the user's own home: the demo has one of its own.
        kpis = parse_catalogue(shipped_text("kpis.yaml"), "kpis.yaml").by_code()
        Telling(output, language, kpis).tell(report)
        output.text(words("said.file", language, file=file))
