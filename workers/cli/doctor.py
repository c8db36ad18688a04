"""retro doctor."""

import os

import click

from config.settings import load_settings
from workers.cli.context import json_option
from workers.cli.output import Output, Status
from workers.doctor import examine


@click.command("doctor")
@json_option
def doctor_command(as_json: bool) -> Status:
    """Whether this machine and installation are fit to run."""
    output = Output(as_json)
    findings = examine(load_settings(os.environ))
    if as_json:
        output.document(findings)
    else:
        output.table(
            "",
            ("", "what", "found"),
            (("ok" if f.good else "!!", f.what, f.found) for f in findings),
        )
    return Status.DONE if all(each.good for each in findings) else Status.FAILED
