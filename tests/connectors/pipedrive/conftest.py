"""Fixtures of the Pipedrive tests."""

from collections.abc import Iterator

import pytest

from tests.connectors.pipedrive.kit import Sandbox, sandbox


@pytest.fixture(scope="module")
def company() -> Iterator[Sandbox]:
    """A small company for tests that do not change it."""
    with sandbox(seed=7, page=20) as running:
        yield running


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A small company for one test."""
    with sandbox(seed=11, records=40) as running:
        yield running
