"""The tools there are: one line each."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from connectors.bitrix24.connector import Bitrix24
from connectors.files.connector import Files
from connectors.hubspot.connector import HubSpot
from connectors.pipedrive.connector import Pipedrive
from connectors.port import Connector
from connectors.salesforce.connector import Salesforce
from connectors.tryton.connector import Tryton

_CLASSES: tuple[type[Connector[Any]], ...] = (
    Bitrix24,
    Files,
    HubSpot,
    Pipedrive,
    Salesforce,
    Tryton,
)

_BY_KIND = {tool.kind: tool for tool in _CLASSES}


class UnknownTool(LookupError):
    """No tool of this kind; the message names the nearest one."""


def tools() -> Mapping[str, type[Connector[Any]]]:
    """Every tool by its kind."""
    return _BY_KIND


def tool(kind: str) -> type[Connector[Any]]:
    """Raises UnknownTool."""
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    near = get_close_matches(kind, _BY_KIND, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(_BY_KIND)}."
    raise UnknownTool(f"There is no tool {kind!r}; {hint}")
