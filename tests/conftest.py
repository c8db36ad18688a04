"""Fixtures every test may use."""

import gc
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest
from sqlalchemy import URL, Dialect, Engine, create_engine
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from tests.connectors.tryton.server import Server as TrytonServer
    from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
# Test → passed, failed or skipped, of its last run.
RESULTS = ROOT / "var" / "test-results.json"


# New objects before a collection, and how many of the younger generation come before the next.
COLLECTED_AFTER = (200_000, 20, 20)

END_OF_CERTIFICATE = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="session", autouse=True)
def one_certificate_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each client of httpx reads all authorities anew, which takes longer than most tests; none
    of these speaks TLS."""
    first, end, _ = Path(certifi.where()).read_text("utf-8").partition(END_OF_CERTIFICATE)
    file = tmp_path_factory.mktemp("authority") / "one.pem"
    file.write_text(f"{first}{end}", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """A worker compiles each statement once in its life; here every test opens a database of its
    own, and compiling them anew took a fifth of all time."""
    dialects: dict[str, Dialect] = {}
    compiled: dict[Any, Any] = {}

    def create(url: URL, **options: Any) -> Engine:
        engine = create_engine(url, **options)
        name = url.get_backend_name()
        if name not in dialects:
            # A dialect is whole when one of its engines has been connected.
            first = create_engine(url, **options)
            with suppress(DBAPIError):
                first.connect().close()
                dialects[name] = first.dialect
            first.dispose()
        # What is compiled is kept by dialect, so that must be the same object.
        engine.dialect = dialects.get(name, engine.dialect)
        engine.update_execution_options(compiled_cache=compiled)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sync.store.database.create_engine", create)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The design folder beside the project; a user's clone does not have it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder shared/ beside the project, which this clone does not have")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["Postgres"]:
    """One for all tests of a process; each takes a database of its own."""
    # Here, as most tests have no use for what it imports.
    from tests.postgres import postgres

    with postgres() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def no_tryton_left() -> Iterator[None]:
    """The kit starts a server as well, wherever it is first asked for."""
    yield
    if started := sys.modules.get("tests.connectors.tryton.server"):
        started.stop()


@pytest.fixture(scope="session")
def tryton() -> "TrytonServer":
    """One server for all tests of a process; each makes the records it needs."""
    # Here, as most tests have no use for what it imports.
    from tests.connectors.tryton.server import shared

    return shared()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What is loaded stays, and looking through it again and again took a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted with `record_property`, added up over all processes; and how each test
    went, for the page of guarantees."""
    counted = Counter[str]()
    results: dict[str, str] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for outcome in ("skipped", "passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            results[report.nodeid.split("[")[0]] = "failed" if outcome == "error" else outcome
            if report.when == "call":
                counted.update({k: v for k, v in report.user_properties if isinstance(v, int)})
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=0, sort_keys=True))
    if counted:
        told = ", ".join(f"{value} {name}" for name, value in counted.items())
        terminalreporter.write_line(f"counted: {told}")
