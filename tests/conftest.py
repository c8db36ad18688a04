"""Fixtures every test may use."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres, postgres

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The design folder beside the project; a user's clone does not have it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder shared/ beside the project, which this clone does not have")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One for all tests of a process; each takes a database of its own."""
    with postgres() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted with `record_property`, added up over all processes."""
    counted = Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if isinstance(value, int) and getattr(report, "when", "") == "call":
                    counted[name] += value
    if counted:
        told = ", ".join(f"{value} {name}" for name, value in counted.items())
        terminalreporter.write_line(f"counted: {told}")
