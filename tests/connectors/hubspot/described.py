"""HubSpot's interface description, to which every request of this connector is held."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import httpx

from tests.connectors.openapi import Documents, documents

LEFT_OUT = {
    "POST /crm/objects/2026-03/tasks/batch/archive": "In the documentation; archiving was left out "
    "of the selection of documents.",
}


@cache
def described() -> Documents | None:
    found = documents("hubspot", "*.2026-03.json")
    return found and replace(found, left_out=LEFT_OUT)


def faults(request: httpx.Request) -> Sequence[str]:
    """None where there are no documents to tell them by."""
    found = described()
    return found.faults(request) if found else ()
