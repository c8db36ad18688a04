"""An account for those who only read, and one of one's own."""

from collections.abc import Iterator

import pytest

from tests.connectors.hubspot.kit import Sandbox, sandbox

START = "2026-11-23T08:00:00+00:00"


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with sandbox(records=20) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["field", "line"])
def either(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Where our key has a field of its own, and where it is a line of the text."""
    with sandbox(records=20, task_fields=request.param, index_seconds=0) as running:
        yield running
