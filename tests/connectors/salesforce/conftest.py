"""An account for those who only read, and one of one's own."""

from collections.abc import Iterator

import pytest

from tests.connectors.salesforce.kit import Sandbox, sandbox

START = "2026-11-23T08:00:00+00:00"


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with sandbox(records=20) as running:
        yield running
