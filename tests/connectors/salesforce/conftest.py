"""An org for those who only read, and one of one's own."""

from collections.abc import Iterator

import pytest

from tests.connectors.salesforce.kit import Sandbox, sandbox


@pytest.fixture(scope="module")
def org() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with sandbox(records=20) as running:
        yield running
