"""The key ring of this installation: from the environment, else a file made at first start."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from config.settings import Settings
from sync.store import audit
from sync.store.audit import Hand
from sync.store.connections import seal_again
from sync.store.database import Database
from sync.vault import KeySource, Vault, new_key
from workers.errors import CannotRun

MAKES_A_KEY = (
    "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)

# Another command has the ring for less than a second, and longer where the database is busy.
WAITS = 30.0
TICK = 0.02


FROM_ENVIRONMENT = KeySource(
    "RETRO_SECRET_KEYS",
    "put the key that they were written with into RETRO_SECRET_KEYS, behind the first and with a "
    "comma between, for every process",
)


def _kept_in(path: Path) -> KeySource:
    return KeySource(str(path), f"bring back the copy that was kept of {path}")


class RingIsGiven(CannotRun):
    """The ring is in the environment, where no command can change it."""


def open_vault(settings: Settings) -> Vault:
    """Raises CannotRun when its file is damaged."""
    given = [key.get_secret_value() for key in settings.secret_keys]
    if given:
        return Vault(given, source=FROM_ENVIRONMENT)
    path = settings.keys_file
    try:
        return Vault(_keys_in(path), lambda: _keys_in(path), _kept_in(path))
    except ValueError as error:
        raise CannotRun(
            f"{path} holds no keys that can be used: bring back the copy that was kept of it, or "
            "set RETRO_SECRET_KEYS; without its keys each connection must be connected again."
        ) from error


def rotate_keys(settings: Settings, database: Database, hand: Hand) -> int:
    """A new key in front of the ring, and everything encrypted with it; returns of how many
    connections. The old keys stay: until the last line is rewritten, and after a crash anywhere,
    the ring opens what is stored.

    A ring in the environment is yours to lengthen; one that has several keys is taken as that
    having been done. Whoever else changes the ring is waited for. Raises CannotRun,
    SecretsUnreadable.
    """
    action = "keys rotate"
    if not settings.secret_keys:
        with _alone_with(settings.keys_file) as path:
            write_keys(path, [new_key(), *_keys_in(path)])
            return _seal_again(settings, database, hand, action)
    if len(settings.secret_keys) == 1:
        raise RingIsGiven(
            "The keys are given in RETRO_SECRET_KEYS: make a new one with "
            f"{MAKES_A_KEY} and put it there in front of the old one, with a comma between, for "
            "every process; restart them, then run this again."
        )
    return _seal_again(settings, database, hand, action)


def drop_old_keys(settings: Settings, database: Database, hand: Hand) -> int:
    """Only the newest key is kept, when everything is encrypted with it; returns of how many
    connections. Whoever else changes the ring is waited for. Raises CannotRun,
    SecretsUnreadable."""
    if settings.secret_keys:
        raise RingIsGiven(
            "The keys are given in RETRO_SECRET_KEYS: run retro keys rotate, then take all but the "
            "first out of it and restart every process."
        )
    with _alone_with(settings.keys_file) as path:
        count = _seal_again(settings, database, hand, "keys drop old")
        write_keys(path, _keys_in(path)[:1])
    return count


@contextmanager
def _alone_with(path: Path) -> Iterator[Path]:
    """Nobody else changes the ring from its reading to the end of the block: of two that had read
    the same one, the later would write over the key with which the other has just encrypted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the ring itself, whose file is another one each time. The lock goes with its process.
    with path.with_name(f".{path.name}.lock").open("a") as file:
        deadline = time.monotonic() + WAITS
        while not _is_ours(file):
            if time.monotonic() > deadline:
                raise CannotRun(
                    f"Somebody else is changing the key ring {path}; run this again when that "
                    "has ended."
                )
            time.sleep(TICK)
        yield path


def _is_ours(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _seal_again(settings: Settings, database: Database, hand: Hand, action: str) -> int:
    vault = open_vault(settings)
    with database.writing() as session:
        count = seal_again(session, vault)
        audit.note(session, hand, action, "key ring", after={"connections": count})
    return count


def _keys_in(path: Path) -> list[str]:
    """The file's keys, newest first; makes the file when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft(path, [new_key()])
        # Linked, not renamed: of two processes that start at once the first one's key stays.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").split()


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """The whole ring, or nothing: a key that is lost takes all secrets with it."""
    _draft(path, keys).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(path: Path, keys: Sequence[str]) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    with draft.open("w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return draft
