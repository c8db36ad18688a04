"""Fixtures of the Tryton tests."""

import os
from collections.abc import Iterator

import pytest

from tests.connectors.tryton.server import Server, running


@pytest.fixture(scope="session")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a process; each makes the records it needs."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with running(shared / "tryton", tmp_path_factory.mktemp("server")) as server:
        yield server
