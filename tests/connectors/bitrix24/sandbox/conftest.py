"""Portals for the tests of the sandbox. The shared one is only read from."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from connectors.bitrix24.portal.options import SandboxOptions
from tests.connectors.bitrix24.sandbox.client import Client, portal

Start = Callable[..., Client]


@pytest.fixture(scope="session")
def seeded() -> Iterator[Client]:
    """120 deals; nobody changes them."""
    with portal(SandboxOptions(records=120, seed=7, limit="off")) as client:
        yield client


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a portal of one's own: `start(records=10, ...)`."""
    with ExitStack() as stack:

        def begin(*, monotonic: Callable[[], float] | None = None, **options: Any) -> Client:
            chosen = SandboxOptions(**{"records": 60, "limit": "off", **options})
            opened: AbstractContextManager[Client] = portal(chosen, monotonic)
            return stack.enter_context(opened)

        yield begin
