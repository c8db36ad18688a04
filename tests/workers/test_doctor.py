"""What the doctor says of the disk, and of a service that is gone."""

import os
import subprocess
from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from sync.vault import new_key
from tests.portal import new_database
from workers.doctor import Finding, examine

GIGABYTE = 10**9


def disk(settings: Settings, free: int) -> list[Finding]:
    asked: list[Path] = []

    def told(folder: Path) -> int:
        asked.append(folder)
        return free

    found = [each for each in examine(settings, told) if each.what == "disk"]
    assert set(asked) <= {settings.home}
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    new_database(tmp_path / "retro.db").close()
    return tmp_path


def test_a_disk_with_room_is_not_spoken_of(home: Path) -> None:
    assert disk(load_settings({"RETRO_HOME": str(home)}), GIGABYTE) == []


def test_a_disk_with_less_than_a_gigabyte_is_told(home: Path) -> None:
    (found,) = disk(load_settings({"RETRO_HOME": str(home)}), GIGABYTE // 4)
    told = f"0.2 GB are free in {home}, 1.0 GB should be: make room"
    assert (found.good, found.found) == (False, told)


def test_a_large_database_wants_room_for_two_more(home: Path) -> None:
    """Here most of it is in its log, as after a large pull."""
    log = home / "retro.db-wal"
    log.touch()
    os.truncate(log, 2 * GIGABYTE)
    (found,) = disk(load_settings({"RETRO_HOME": str(home)}), 3 * GIGABYTE)
    assert f"3.0 GB are free in {home}, 4.0 GB should be" in found.found


@pytest.mark.parametrize("redis", [None, "redis://127.0.0.1:1/0"])
def test_where_nothing_grows_here_nothing_is_asked(tmp_path: Path, redis: str | None) -> None:
    given = {
        "RETRO_HOME": str(tmp_path),
        "RETRO_DATABASE_URL": "postgresql+psycopg://retro@127.0.0.1:1/retro?connect_timeout=1",
        "RETRO_SECRET_KEYS": new_key(),
    }
    settings = load_settings(given if redis is None else {**given, "RETRO_REDIS_URL": redis})
    # The embedded Redis keeps its log in the home.
    assert len(disk(settings, 0)) == (redis is None)


def test_a_service_that_was_killed_is_not_running(home: Path) -> None:
    settings = load_settings({"RETRO_HOME": str(home)})
    settings.redis_socket.parent.mkdir(parents=True, exist_ok=True)
    settings.redis_socket.touch()
    ended = subprocess.Popen(["true"])
    ended.wait()
    stands = Finding(True, "service", "not running")
    for holder in (f'{{"pid": {ended.pid}}}', "{", ""):
        (home / "instance.lock").write_text(holder)
        assert stands in examine(settings)
    (home / "instance.lock").write_text(f'{{"pid": {os.getpid()}}}')
    assert stands not in examine(settings)
