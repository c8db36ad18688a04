"""Salesforce's interface description, to which every request of this connector is held."""

from collections.abc import Sequence
from functools import cache

import httpx

from tests.connectors.openapi import Documents, documents


@cache
def described() -> Documents | None:
    return documents("salesforce")


def faults(request: httpx.Request) -> Sequence[str]:
    """None where there are no documents to tell them by."""
    found = described()
    return found.faults(request) if found else ()
