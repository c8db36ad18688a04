"""Finds the command, runs it, and turns what went wrong into one sentence and an exit status.

Commands are imported when they are called: a pull has no use for the statistics.
"""

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from config.settings import SettingsError
from workers import entry
from workers.cli.output import Failure, Output, Status, failure_of

COMMANDS: Mapping[str, str] = {
    "tools": "connections",
    "connect": "connections",
    "consent": "consent",
    "connections": "connections",
    "check": "connections",
    "disconnect": "connections",
    "fields": "connections",
    "map": "agreements",
    "pull": "runs",
    "push": "pushing",
    "undo": "pushing",
    "sync": "runs",
    "runs": "runs",
    "outbox": "pushing",
    "conflicts": "agreements",
    "quarantine": "quarantine",
    "schedule": "schedules",
    "schedules": "schedules",
    "records": "records",
    "people": "people",
    "kpis": "kpis",
    "import": "retros",
    "retros": "retros",
    "decisions": "retros",
    "action": "agreements",
    "plan": "planning",
    "apply": "planning",
    "rules": "rules",
    "sandbox": "sandbox",
    "demo": "demo",
    "run": "service",
    "web": "service",
    "schedule-loop": "service",
    "worker": "worker",
    "doctor": "doctor",
    "keys": "keeping",
    "backup": "keeping",
    "restore": "keeping",
    "audit": "keeping",
}
"""Command → module of this package that defines it, under the name with `_command` behind it."""


class LazyCommands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"workers.cli.{COMMANDS[cmd_name]}")
        # What is loaded stays: each collection would look through all of it in vain.
        gc.freeze()
        gc.enable()
        entry.loaded()
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="retro-roi", message="%(prog)s %(version)s")
@click.pass_context
def retro(ctx: click.Context, debug: bool) -> None:
    """Retro decisions become tasks and KPI targets in the tools, re-checked on live data."""
    ctx.obj = debug


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given, Output(json="--json" in given), debug="--debug" in given))


def _run(arguments: list[str], output: Output, debug: bool) -> int:
    try:
        result = retro.main(arguments, prog_name="retro", standalone_mode=False)
        return int(result or Status.DONE)
    except click.exceptions.Exit as error:
        return error.exit_code
    except KeyboardInterrupt:
        return _stopped(output)
    except click.Abort as error:
        # click makes one of Ctrl-C, and of a question that was answered with no.
        by_hand = isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
        return _stopped(output) if by_hand else _stopped(output, Status.FAILED)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return Status.USAGE
    except click.UsageError as error:
        output.fail(Failure("Usage", _usage(error), "user", _help(error)))
        return Status.USAGE
    except SettingsError as error:
        output.fail(Failure("SettingsError", str(error), "admin", ""))
        return Status.USAGE
    except BrokenPipeError:
        # The reader went away, as `head` does; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.DONE
    except Exception as error:
        if debug:
            raise
        output.fail(failure_of(error))
        return Status.FAILED


def _stopped(output: Output, status: int = entry.INTERRUPTED) -> int:
    entry.told()
    output.fail(Failure("Interrupted", entry.STOPPED, "nobody", entry.AGAIN))
    return status


def _usage(error: click.UsageError) -> str:
    message = error.format_message()
    return message if message.endswith((".", "?", "!")) else f"{message}."


def _help(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "retro"
    return f"See: {path} --help"
