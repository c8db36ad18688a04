"""retro sandbox."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from connectors.sandbox.faults import parse_fault
from connectors.sandbox.knobs import Knobs
from workers.cli.context import json_option
from workers.errors import CannotRun
from workers.sandboxes import serve_sandbox


@click.command("sandbox")
@click.argument("kind")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A free one by default.")
@click.option(
    "--records",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="How many records it makes up.",
)
@click.option(
    "--seed", type=int, default=7, show_default=True, help="The same seed, the same records."
)
@click.option(
    "--latency", type=float, default=0.0, metavar="MS", help="Waits so long before each answer."
)
@click.option(
    "--command-ms",
    type=float,
    default=0.0,
    metavar="MS",
    help="What each command of a batch takes more.",
)
@click.option(
    "--limit",
    type=click.Choice(["published", "off"]),
    default="published",
    show_default=True,
    help="The vendor's published request limits, or none.",
)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A fault plan: a JSON list, as PUT /_sandbox/faults takes it.",
)
@json_option
def sandbox_command(
    kind: str,
    port: int,
    records: int,
    seed: int,
    latency: float,
    command_ms: float,
    limit: str,
    faults: Path | None,
    as_json: bool,
) -> None:
    """Serve an imitation of a tool and say how to connect to it."""
    knobs = Knobs(
        records=records,
        seed=seed,
        latency_ms=latency,
        command_ms=command_ms,
        limit=limit,
        faults=_plan(faults),
    )

    def tell(description: dict[str, Any]) -> None:
        if as_json:
            sys.stdout.write(json.dumps(description) + "\n")
        else:
            sys.stdout.write(
                f"A sandbox of {kind} serves until Ctrl-C. In another terminal:\n"
                f"{_connect_line(kind, description['settings'])}"
            )
            if "app" in description:
                line = _connect_line(kind, description["app"])
                sys.stdout.write(f"Or as an app that somebody agrees to in a browser:\n{line}")
        sys.stdout.flush()

    serve_sandbox(kind, knobs, port, tell)


def _connect_line(kind: str, settings: dict[str, str]) -> str:
    given = " ".join(f"--set {key}={value}" for key, value in settings.items())
    return f"  RETRO_ALLOW_PRIVATE_HOSTS=1 retro connect {kind} {kind} {given}\n"


def _plan(file: Path | None) -> list[dict[str, object]]:
    if file is None:
        return []
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CannotRun(f"{file} is no fault plan: {error}.") from error
    if not isinstance(plan, list):
        raise CannotRun(f"{file} is no fault plan: a list is expected.")
    try:
        for entry in plan:
            parse_fault(entry)
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotRun(f"{file} is no fault plan: {error}.") from error
    return plan
