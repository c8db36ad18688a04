"""PHP's reading of a query string: `a[b][0]=x` becomes `{"a": {"b": ["x"]}}`."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

BRACKETS = re.compile(r"\[([^\]]*)\]")


def parse_query(query: str) -> dict[str, Any]:
    """Nested params of a query string or form body. All values are text.

    A map whose keys are 0, 1, 2, ... becomes a list, as PHP's JSON would show it. The answer is
    shared between calls: treat it as frozen.
    """
    return _parse(query)


@lru_cache(maxsize=1024)
def _parse(query: str) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for pair in query.split("&"):
        if not pair:
            continue
        key, _, value = pair.partition("=")
        _put(root, unquote_plus(key), unquote_plus(value))
    return {key: _listed(value) for key, value in root.items()}


def _put(root: dict[str, Any], key: str, value: str) -> None:
    name, bracket, rest = key.partition("[")
    path = [name, *BRACKETS.findall(bracket + rest)]
    node = root
    for step in path[:-1]:
        step = step or str(len(node))
        child = node.get(step)
        if not isinstance(child, dict):
            child = node[step] = {}
        node = child
    node[path[-1] or str(len(node))] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _listed(item) for key, item in value.items()}
    if list(items) == [str(number) for number in range(len(items))]:
        return list(items.values())
    return items
