"""retro keys, backup, restore, audit."""

import os
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import click
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings, load_settings
from sync.store import audit, backup
from sync.store.connections import all_connections
from sync.store.database import Database
from sync.vault import SecretsUnreadable
from workers.cli.context import FILE, NUMBER, json_option, opened
from workers.cli.output import Output, Status
from workers.errors import CannotRun
from workers.hand import this_hand
from workers.instance import hold
from workers.keyring import drop_old_keys, open_vault, rotate_keys
from workers.readiness import living

OLD_BACKUPS = (
    "The secrets of backups that were made before open only with the older keys, so only where a "
    "copy of the ring was kept."
)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("keys")
@click.argument("action", type=click.Choice(["rotate"]))
@click.option("--drop-old", is_flag=True, help="Keep only the newest key, instead of a new one.")
@click.option("--yes", is_flag=True, help="Do not ask before old keys are dropped.")
@json_option
def keys_command(action: str, drop_old: bool, yes: bool, as_json: bool) -> None:
    """`rotate` puts a new key in front of the ring and encrypts every secret again.

    Backups that were made before open with the older keys only: keep a copy of the ring with them
    before you drop any."""
    output = Output(as_json)
    with opened() as app:
        if drop_old and not yes:
            if not sys.stdin.isatty():
                raise CannotRun(f"{OLD_BACKUPS} To drop the older keys all the same: add --yes.")
            click.confirm(f"{OLD_BACKUPS} Drop the older keys?", abort=True, err=True)
        change = drop_old_keys if drop_old else rotate_keys
        count = change(app.settings, app.database, this_hand())
    if drop_old:
        sys.stderr.write(f"retro: {OLD_BACKUPS} Make a new one: retro backup FILE\n")
    if as_json:
        output.document({"action": action, "dropped_old": drop_old, "connections": count})
        return
    rest = "the older keys are gone." if drop_old else "the older keys still open old backups."
    output.text(f"The secrets of {count} connections are under the newest key; {rest}")


@click.command("backup")
@click.argument("file", type=NEW_FILE)
@json_option
def backup_command(file: Path, as_json: bool) -> None:
    """A consistent copy of the database, while the service runs. The key ring is not in it."""
    output = Output(as_json)
    if file.exists():
        raise CannotRun(f"{file} is there already; name another file.")
    with opened() as app:
        made = _write(app.database, file)
        ring = _ring(app.settings)
    if as_json:
        output.document({"file": str(file), "revision": made.revision, "rows": made.rows})
    else:
        output.text(f"{made.rows} rows are in {file}. Its secrets open with the key ring only, ")
        output.text(f"which is not in it: keep {ring} elsewhere.")


def _write(database: Database, file: Path) -> backup.Header:
    draft = backup.draft_of(file)
    try:
        with _new_file(draft, file) as to:
            made = backup.write_backup(database, to, database.now())
            to.flush()
            os.fsync(to.fileno())
        draft.replace(file)
    except OSError as error:
        # The disk is full, in most cases: of the database's own troubles none is an OSError.
        raise CannotRun(
            f"{file} could not be written: {error.strerror}. Nothing is left of it; make room, or "
            "name a file on another disk."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return made


def _new_file(draft: Path, named: Path) -> BinaryIO:
    """For nobody else to read."""
    try:
        return os.fdopen(os.open(draft, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600), "w+b")
    except OSError as error:
        raise CannotRun(
            f"{named} cannot be written: {error.strerror}. Name a file in a folder that is there "
            "and that this user may write to."
        ) from error


def _ring(settings: Settings) -> str:
    return "RETRO_SECRET_KEYS" if settings.secret_keys else str(settings.keys_file)


@click.command("restore")
@click.argument("file", type=FILE)
@click.option("--yes", is_flag=True, help="Replace what is there.")
@json_option
def restore_command(file: Path, yes: bool, as_json: bool) -> Status:
    """Put a backup in place of the database, of SQLite or PostgreSQL, and bring it up to date."""
    output = Output(as_json)
    settings = load_settings(os.environ)
    with hold(settings.home, "retro restore"):
        database = Database(settings.database_url)
        try:
            _refuse(settings, database, yes)
            done = backup.restore_backup(database, file, database.now())
            with database.writing() as session:
                after = {"rows": done.rows, "revision": done.revision, "made_at": str(done.made_at)}
                audit.note(session, this_hand(), "restore", file.name, after=after)
            locked = _unreadable(settings, database)
        finally:
            database.close()
    if as_json:
        counts = {"rows": done.rows, "ended_pulls": done.ended_pulls}
        output.document({"file": str(file), **counts, "unreadable": locked})
    else:
        output.text(f"{done.rows} rows of {_said(done.made_at)} are in place.")
        if done.ended_pulls:
            told = f"Pulls under way in it were ended: {done.ended_pulls}"
            output.text(f"{told}; the next ones begin anew.")
        for name in locked:
            output.text(
                f"The secrets of {name} open with none of the keys in {_ring(settings)}: bring the "
                "ring back that was kept of where the backup was made."
            )
    return Status.WAITS_FOR_A_PERSON if locked else Status.DONE


def _refuse(settings: Settings, database: Database, yes: bool) -> None:
    backup.refuse_beside_others(database)
    if not yes and not backup.is_empty(database):
        raise CannotRun("There is data in this database; to replace all of it: retro restore --yes")
    if others := backup.others_at_work(database):
        raise CannotRun(f"{others} connections to this database are at work; stop every process.")
    if alive := _living(settings):
        raise CannotRun(
            f"These still live: {', '.join(alive)}. End every process, then restore again; one "
            "that was killed counts for two minutes."
        )


def _living(settings: Settings) -> list[str]:
    """Without the Redis that was named no worker gets anything to do; the embedded one runs with
    the service, which holds this home."""
    if settings.redis_url is None:
        return []
    with closing(Redis.from_url(settings.redis_url)) as redis:
        try:
            return living(redis)
        except (RedisError, OSError):
            return []


def _unreadable(settings: Settings, database: Database) -> list[str]:
    vault = open_vault(settings)
    found = []
    with database.reading() as session:
        for row in all_connections(session):
            try:
                vault.open(row.secrets)
            except SecretsUnreadable:
                found.append(row.name)
    return found


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


@click.command("audit")
@click.option("--limit", type=NUMBER, default=50, show_default=True, help="How many, newest first.")
@json_option
def audit_command(limit: int, as_json: bool) -> None:
    """Who changed what, newest first."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        shown = [
            {
                "at": row.at,
                "who": row.who,
                "action": row.action,
                "subject": row.subject,
                "before": row.before,
                "after": row.after,
            }
            for row in audit.audit_rows(session, limit)
        ]
    if as_json:
        output.document(shown)
    else:
        columns = ("at", "who", "action", "subject")
        output.table("", columns, ([row[column] for column in columns] for row in shown))
