"""Fixtures of the Bitrix24 tests."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.bitrix24.kit import Sandbox, sandbox


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    """A small seeded portal for tests that do not change it."""
    with sandbox(seed=7) as running:
        yield running


@pytest.fixture
def own_portal() -> Iterator[Sandbox]:
    """A small seeded portal for one test."""
    with sandbox(seed=11, records=60) as running:
        yield running


@pytest.fixture(scope="session")
def samples(shared: Path) -> Mapping[str, Any]:
    """Documented request and response pairs, by name."""
    calls = json.loads((shared / "api" / "bitrix24-samples.json").read_text())["calls"]
    return {call["name"]: call for call in calls}
