"""retro consent, and how a person at a terminal is asked for one."""

import io
import select
import sys
import termios
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from typing import TextIO
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from config.settings import Settings
from connectors.consent import Asked
from workers import connecting
from workers.cli.context import json_option, opened
from workers.cli.given import secrets_given
from workers.cli.output import Output
from workers.connecting import Connected
from workers.consenting import REFRESH_TOKEN, Consent
from workers.errors import CannotRun
from workers.redirects import Redirects, listening

PATH = "/oauth/callback"
WAITS_SECONDS = 600.0
NOTHING_CAME = (
    "No consent came: nothing was pasted, and no browser was sent here. Run the command again, "
    "or give the refresh token of the app with --secret refresh_token."
)

NOBODY = (
    "No consent came: nobody is there to answer, as standard input is at its end. Run the command "
    "at a terminal, or give the refresh token of the app with --secret refresh_token."
)


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Raises BadParameter."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise click.BadParameter(f"{value!r} is no address like http://localhost:8401{PATH}")
    return value


redirect_option = click.option(
    "--redirect",
    callback=_address,
    metavar="ADDRESS",
    help="Where the tool sends the browser after a consent, as the app is registered there; by "
    f"default http://localhost:8401{PATH}: the port is the one behind RETRO_PORT.",
)


def consent_of(
    settings: Settings, redirect: str | None, given: MutableMapping[str, str]
) -> Consent:
    """Takes the refresh token out of what is given: it is no setting."""
    token = given.pop(REFRESH_TOKEN, None)
    return Consent(
        redirect or f"http://localhost:{settings.port % 65535 + 1}{PATH}",
        partial(ask, settings),
        refresh_token=None if token is None else SecretStr(token),
    )


def ask(settings: Settings, address: str, asked: Asked) -> str:
    """Shows the address on standard error, and waits for what the browser brings: by itself where
    it runs on this machine, else pasted. Raises CannotRun."""
    with listening(asked, settings.lang) as here:
        sys.stderr.write(
            f"Open this address in a browser, and agree there:\n\n{address}\n\n{_what_then(here)}\n"
        )
        sys.stderr.flush()
        with _hidden(sys.stdin):
            return _brought(here, sys.stdin)


def _what_then(here: Redirects | None) -> str:
    paste = "paste the address that it shows then, or the code in it (it is not shown here)"
    if here is None:
        return f"Your browser is sent on; {paste}:"
    return f"It is waited for up to {WAITS_SECONDS / 60:.0f} minutes. On another machine, {paste}:"


def _brought(here: Redirects | None, lines: TextIO) -> str:
    """Raises CannotRun."""
    sources: list[Redirects | TextIO] = [] if here is None else [here]
    if sources and _can_be_waited_for(lines):
        sources.append(lines)
    else:
        line = lines.readline()
        if line.strip():
            return line.strip()
        if not line:
            _end_unattended(lines)
    deadline = time.monotonic() + WAITS_SECONDS
    while sources and (left := deadline - time.monotonic()) > 0:
        for source in select.select(sources, [], [], left)[0]:
            if isinstance(source, Redirects):
                source.handle_request()
                if source.brought is not None:
                    return source.brought
                continue
            line = source.readline()
            if line.strip():
                return line.strip()
            if not line:
                _end_unattended(source)
                sources.remove(source)
    raise CannotRun(NOTHING_CAME)


def _end_unattended(lines: TextIO) -> None:
    """Raises CannotRun, unless somebody reads the address at a terminal: a browser may still be
    sent here."""
    if not (lines.isatty() or sys.stderr.isatty()):
        raise CannotRun(NOBODY)


def _can_be_waited_for(lines: TextIO) -> bool:
    try:
        lines.fileno()
    except io.UnsupportedOperation:
        return False
    return True


@contextmanager
def _hidden(lines: TextIO) -> Iterator[None]:
    """As other secrets are: what is typed at a terminal is not shown."""
    if not lines.isatty():
        yield
        return
    terminal = lines.fileno()
    before = termios.tcgetattr(terminal)
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        sys.stderr.write("\n")


@click.command("consent")
@click.argument("name")
@redirect_option
@click.option("--secret", "secrets", multiple=True, metavar="KEY", help="refresh_token, no other.")
@json_option
def consent_command(
    name: str, redirect: str | None, secrets: tuple[str, ...], as_json: bool
) -> None:
    """Give the app of a connection its consent again; settings and data stay as they are."""
    if set(secrets) - {REFRESH_TOKEN}:
        raise click.UsageError(f"--secret takes {REFRESH_TOKEN} here; for others: retro connect")
    with opened() as app:
        given = secrets_given(name, {REFRESH_TOKEN}, secrets)
        consent = consent_of(app.settings, redirect, given)
        done = connecting.consent_again(app, name, consent)
    show_connected(Output(as_json), done)


def show_connected(output: Output, done: Connected) -> None:
    if output.json:
        output.document(done)
        return
    again = " Its settings changed, so the next pull reads everything again."
    shown = again if done.reads_again else ""
    output.text(f"{done.name} is connected to {done.account}.{shown}")
    if done.twins:
        output.text(
            f"This account is connected as {', '.join(done.twins)} too, so KPIs count its records "
            f"once more. To keep one: retro disconnect {done.name}"
        )
