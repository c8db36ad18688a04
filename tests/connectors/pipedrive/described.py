"""Pipedrive's interface description, to which every request of this connector is held."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import httpx

from tests.connectors.openapi import Document, Documents, documents

LEFT_OUT = {
    r"DELETE /api/v2/activities/\d+": "Current in the tool, with a price in its documentation; the "
    "selection of documents does without it.",
}
V1 = "https://api.pipedrive.com/v1"


@cache
def described() -> Documents | None:
    found = documents("pipedrive")
    return found and Documents([Document(_of_company(one.spec)) for one in found.several], LEFT_OUT)


def faults(request: httpx.Request) -> Sequence[str]:
    """None where there are no documents to tell them by."""
    found = described()
    return found.faults(request) if found else ()


def _of_company(spec: Any) -> Any:
    """A company's own host has version 1 under /api/v1, the general one under /v1."""
    first = spec["servers"][0]["url"]
    return {**spec, "servers": [{"url": V1.replace("/v1", "/api/v1")}]} if first == V1 else spec
