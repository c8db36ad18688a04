"""The key ring changed by several commands at once: no key is lost, and with it no secret."""

import fcntl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from sync.store.connections import all_connections
from sync.tables.connections import Connection
from tests.portal import new_database
from tests.waiting import eventually
from tests.workers.conftest import StartPython
from workers.app import App, open_app
from workers.clock import machine_now
from workers.errors import CannotRun
from workers.hand import this_hand
from workers.keyring import rotate_keys

TIMES = 20
# Waits until all are there: most of a process's life is its start.
CHANGES_THE_RING = f"""
import os, sys, time
from config.settings import load_settings
from sync.store.database import Database
from workers import keyring
from workers.hand import this_hand
settings = load_settings(os.environ)
database = Database(settings.database_url)
ready = settings.home / f"ready.{{os.getpid()}}"
ready.touch()
while not (settings.home / "go").exists():
    time.sleep(0.001)
for _ in range({TIMES}):
    getattr(keyring, sys.argv[1])(settings, database, this_hand())
"""
SECRETS = {"token": "abc"}


@pytest.fixture
def settings(home: Path, bare_environ: pytest.MonkeyPatch) -> Settings:
    return load_settings({"RETRO_HOME": str(home)})


@pytest.fixture
def app(home: Path, settings: Settings) -> Iterator[App]:
    """With one connection."""
    new_database(home / "retro.db").close()
    with closing(open_app(settings)) as opened:
        secrets = opened.vault.seal(SECRETS)
        row = Connection(
            name="p", kind="bitrix24", settings={}, secrets=secrets, created_at=machine_now()
        )
        with opened.database.writing() as session:
            session.add(row)
        yield opened


def at_once(home: Path, start_python: StartPython, *changes: str) -> None:
    programs = [start_python("-c", CHANGES_THE_RING, change) for change in changes]
    eventually(lambda: len(list(home.glob("ready.*"))) == len(programs), within=30)
    (home / "go").touch()
    for program in programs:
        assert program.ended_within(60)
        assert program.exited() == 0


def stored(app: App) -> dict[str, str]:
    with app.database.reading() as session:
        (row,) = all_connections(session)
    # As a process that starts now has the ring.
    with closing(open_app(app.settings)) as later:
        return later.vault.open(row.secrets)


def test_those_who_rotate_the_keys_at_once_keep_each_others_key(
    home: Path, settings: Settings, app: App, start_python: StartPython
) -> None:
    at_once(home, start_python, "rotate_keys", "rotate_keys")
    assert len(settings.keys_file.read_text().split()) == 1 + 2 * TIMES
    assert stored(app) == SECRETS


def test_old_keys_are_not_dropped_while_somebody_rotates_them(
    home: Path, app: App, start_python: StartPython
) -> None:
    at_once(home, start_python, "drop_old_keys", "drop_old_keys", "rotate_keys")
    assert stored(app) == SECRETS


def test_who_waits_for_the_ring_in_vain_is_told_so(
    settings: Settings, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.keyring.WAITS", 0.1)
    before = settings.keys_file.read_text()
    with settings.keys_file.with_name(".secret.keys.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CannotRun, match="Somebody else is changing the key ring"):
            rotate_keys(settings, app.database, this_hand())
    assert settings.keys_file.read_text() == before
    rotate_keys(settings, app.database, this_hand())
