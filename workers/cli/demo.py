"""retro demo."""

import os
import sys

import click
import msgspec

from config.settings import load_settings
from workers.cli.context import json_option
from workers.cli.output import Output
from workers.demo.play import play
from workers.demo.telling import tell_report


@click.command("demo")
@click.option("--perturb", type=int, metavar="SEED", help="Other counts, so other figures.")
@json_option
def demo_command(perturb: int | None, as_json: bool) -> None:
    """Play the main loop once, on a sandbox portal started for it."""
    output = Output(as_json)
    settings = load_settings(os.environ)

    def tell(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    report = play(settings, perturb, tell)
    file = settings.home / "demo" / "report.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if as_json:
        output.document(report)
    else:
        tell_report(report, output)
        output.text(f"The figures are in {file}.")
