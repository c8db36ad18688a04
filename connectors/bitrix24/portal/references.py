"""`$result[c00][items][49][id]` inside a command of a batch.

What such a reference answers when its path leads nowhere is undocumented. Here it becomes an empty
text, so that a filter `>id` with it starts again from the first row: the worst case for a client.
"""

import re
from collections.abc import Mapping
from typing import Any

REFERENCE = re.compile(r"\$result((?:\[[^\]]*\])+)")
STEP = re.compile(r"\[([^\]]*)\]")


def resolve(value: Any, results: Mapping[str, Any]) -> Any:
    """The params with every reference replaced; untouched parts are shared, not copied."""
    if isinstance(value, str):
        if "$result" not in value:
            return value
        return REFERENCE.sub(lambda match: _text(results, match.group(1)), value)
    if isinstance(value, dict):
        return {key: resolve(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [
            item if isinstance(item, str) and "$result" not in item else resolve(item, results)
            for item in value
        ]
    return value


def _text(results: Mapping[str, Any], path: str) -> str:
    found: Any = results
    for step in STEP.findall(path):
        try:
            found = found[step] if isinstance(found, Mapping) else found[int(step)]
        except (KeyError, IndexError, ValueError, TypeError):
            return ""
    return str(found) if isinstance(found, str | int | float) else ""
