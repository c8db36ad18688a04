"""Salesforce's interface description, to which every request of this connector is held."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import httpx

from tests.connectors.openapi import Documents, documents

LEFT_OUT = {
    r"DELETE /services/data/v[\d.]+/sobjects/Task/\w+": "Deletes are in the documentation, and "
    "were left out of the composed description.",
}


@cache
def described() -> Documents | None:
    found = documents("salesforce")
    return found and replace(found, left_out=LEFT_OUT)


def faults(request: httpx.Request) -> Sequence[str]:
    """None where there are no documents to tell them by."""
    found = described()
    return found.faults(request) if found else ()
