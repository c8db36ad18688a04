"""Settings and secrets as they are given on a command line, and never shown."""

import os
import sys
from collections.abc import Collection

import click

from workers.connecting import BadSettings


def settings_given(pairs: Collection[str]) -> dict[str, str]:
    given = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes key=value, and {key!r} has no value")
        given[key] = value
    return given


def warn_of_history(keys: Collection[str]) -> None:
    """Of secrets that were given as settings."""
    for key in sorted(keys):
        sys.stderr.write(
            f"retro: {key} now stands in the history of your shell; "
            f"--secret {key} reads it from standard input instead.\n"
        )


def secrets_given(name: str, known: Collection[str], asked: Collection[str]) -> dict[str, str]:
    """Secrets from the environment, and those asked for from standard input, a line each."""
    prefix = f"RETRO_SECRET_{name.upper().replace('-', '_')}_"
    found = {key: os.environ[var] for key in known if (var := prefix + key.upper()) in os.environ}
    for key in asked:
        if key in found:
            continue
        line = (
            click.prompt(key, hide_input=True, err=True)
            if sys.stdin.isatty()
            else sys.stdin.readline().strip()
        )
        if not line:
            raise BadSettings(f"Nothing came on standard input for the secret {key!r}.")
        found[key] = line
    return found
