"""The tools there are: those that come with the product, one line each, and those that installed
packages bring (see docs/new-connector.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from connectors.bitrix24.connector import Bitrix24
from connectors.files.connector import Files
from connectors.hubspot.connector import HubSpot
from connectors.pipedrive.connector import Pipedrive
from connectors.port import Connector
from connectors.salesforce.connector import Salesforce
from connectors.tryton.connector import Tryton

GROUP = "retro_roi.connectors"

_CLASSES: tuple[type[Connector[Any]], ...] = (
    Bitrix24,
    Files,
    HubSpot,
    Pipedrive,
    Salesforce,
    Tryton,
)

_SHIPPED = {tool.kind: tool for tool in _CLASSES}


class UnknownTool(LookupError):
    """No tool of this kind that could be used; the message names the nearest one, or what is wrong
    with the package that brings it."""


@dataclass(frozen=True)
class _Plugged:
    """`unusable` says why, by the kind that a package promises."""

    tools: Mapping[str, type[Connector[Any]]]
    unusable: Mapping[str, str]


def shipped_tools() -> Mapping[str, type[Connector[Any]]]:
    """Those that come with the product, by their kind."""
    return _SHIPPED


def tools() -> Mapping[str, type[Connector[Any]]]:
    """Every tool by its kind."""
    return {**_SHIPPED, **_plugged().tools}


def unusable_tools() -> Mapping[str, str]:
    """What is wrong with tools that installed packages bring, by the kind they promise."""
    return _plugged().unusable


def tool(kind: str) -> type[Connector[Any]]:
    """Raises UnknownTool."""
    if kind in _SHIPPED:
        # Most often it is one of them, and then nobody looks through the packages.
        return _SHIPPED[kind]
    known = tools()
    if kind in known:
        return known[kind]
    if kind in unusable_tools():
        raise UnknownTool(unusable_tools()[kind])
    near = get_close_matches(kind, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}."
    raise UnknownTool(f"There is no tool {kind!r}; {hint}")


@cache
def _plugged() -> _Plugged:
    found: dict[str, type[Connector[Any]]] = {}
    unusable: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = _load(point)
        except Exception as error:  # noqa: BLE001 - whatever a package does, the others go on
            package = point.dist.name if point.dist else point.value
            unusable[point.name] = (
                f"The package {package} brings {point.name!r}, which cannot be used: {error} "
                "Install a version of it that fits this one, or remove it."
            )
    return _Plugged(found, unusable)


def _load(point: EntryPoint) -> type[Connector[Any]]:
    if point.name in _SHIPPED:
        raise ValueError("the product has a tool of that kind itself.")
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{error}.") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Connector)):
        raise TypeError(f"{point.value} is no connector.")
    if getattr(loaded, "kind", None) != point.name:
        raise ValueError(f"its kind is {getattr(loaded, 'kind', None)!r}.")
    return loaded
