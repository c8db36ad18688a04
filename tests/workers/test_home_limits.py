"""Budgets where no service runs: one bucket for all commands of a home."""

from pathlib import Path

import msgspec
import pytest

from config.settings import load_settings
from connectors.budget import BRIM, Bucket, Budget
from sync.vault import new_key
from tests.workers.conftest import StartPython
from workers.app import open_app
from workers.home_limits import HomeLimiter
from workers.limits import MemoryLimiter

# So slow that nothing drains while a test runs.
SLOW = Budget("portal", burst=10, rate=0.001)
NOW = 1_800_000_000.0
AT_ONCE = int(SLOW.burst * BRIM)


def limiter(folder: Path, budget: Budget = SLOW, at: float = NOW) -> HomeLimiter:
    return HomeLimiter(folder, budget, MemoryLimiter(budget), now=lambda: at)


def test_a_command_goes_on_with_the_bucket_of_the_one_before_it(tmp_path: Path) -> None:
    environ = {"RETRO_HOME": str(tmp_path / "home"), "RETRO_SECRET_KEYS": new_key()}
    for expected in (True, False):
        app = open_app(load_settings(environ))
        found = [app.limiter(SLOW).acquire() == 0.0 for _ in range(AT_ONCE)]
        assert found == [expected] * AT_ONCE
        assert app.limiter(Budget(f"other {expected}", burst=10, rate=0.001)).acquire() == 0.0
        app.close()


def test_the_bucket_drains_between_two_commands(tmp_path: Path) -> None:
    budget = Budget("portal", burst=10, rate=2.0)
    first = limiter(tmp_path, budget, at=1000.0)
    assert [first.acquire() for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert limiter(tmp_path, budget, at=1000.0).acquire() == 0.5
    assert limiter(tmp_path, budget, at=1000.5).acquire() == 0.0


def test_a_pause_that_a_tool_asked_for_is_obeyed_by_the_next_command(tmp_path: Path) -> None:
    limiter(tmp_path).refused(50_000.0)
    assert limiter(tmp_path).acquire() == pytest.approx(50_000, abs=60)


def test_commands_side_by_side_lose_no_request_of_each_other(
    tmp_path: Path, start_python: StartPython
) -> None:
    arguments = ("-m", "tests.workers.take_budget", str(tmp_path), "portal", "50")
    programs = [start_python(*arguments) for _ in range(3)]
    for program in programs:
        assert program.ended_within(30)
        assert program.exited() == 0
    (file,) = tmp_path.iterdir()
    bucket = msgspec.json.decode(file.read_bytes(), type=Bucket)
    assert bucket.level == pytest.approx(150, abs=0.5)


def test_a_count_that_was_broken_off_begins_anew(tmp_path: Path) -> None:
    limiter(tmp_path).acquire()
    (file,) = tmp_path.iterdir()
    file.write_text('{"at": 12')
    assert limiter(tmp_path).acquire() == 0.0


def test_a_shorter_count_that_was_not_cut_to_its_length_is_read(tmp_path: Path) -> None:
    for _ in range(AT_ONCE):
        limiter(tmp_path).acquire()
    (file,) = tmp_path.iterdir()
    file.write_text(f'{file.read_text()}1.25,"hours":[]}}')
    assert limiter(tmp_path).acquire() > 0


def test_where_nothing_can_be_written_a_command_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    alone = limiter(tmp_path / "file")
    assert [alone.acquire() for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert alone.acquire() > 0
    alone.refused(50_000.0)
    assert alone.acquire() == pytest.approx(50_000, abs=60)
