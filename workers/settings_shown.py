"""What somebody who connects a tool is told of its settings."""

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connectors.port import Connector
from workers.connecting import secret_names

ROOT = Path(__file__).parents[1]
PAGES = Path("docs", "tools")
# A default that is longer stands with the description.
LONGEST = 20
# An app's secret is of no use without its id.
GOES_WITH = {"client_secret": "client_id"}


def connect_line(tool_class: type[Connector[Any]]) -> str:
    """With what must be set, and the first of the ways to sign in where there are several."""
    fields, secrets = tool_class.Config.model_fields, secret_names(tool_class)
    needed = [name for name, field in fields.items() if field.is_required()]
    if not secrets & set(needed):
        first = [name for name in fields if name in secrets][:1]
        needed += [GOES_WITH[name] for name in first if name in GOES_WITH] + first
    given = [f"--secret {name}" if name in secrets else f"--set {name}=…" for name in needed]
    return " ".join(["retro connect", tool_class.kind, "NAME", *given])


def hints(tool_class: type[Connector[Any]]) -> Sequence[str]:
    """Other ways to sign in, and the page that goes through it step by step."""
    ways = (tool_class.Config.__doc__ or "").strip().splitlines()[:1]
    told = [line for line in ways if line.startswith("Either ")]
    page = PAGES / f"{tool_class.kind}.md"
    return [*told, f"More: {page}"] if (ROOT / page).exists() else told


def marks(setting: Mapping[str, Any]) -> str:
    default = setting["default"]
    told = [mark for mark in ("required", "secret") if setting[mark]]
    if default is not None and len(default) <= LONGEST:
        told.append(f"default {default}")
    return ", ".join(told)


def about(setting: Mapping[str, Any]) -> str:
    default = setting["default"]
    said = ": ".join(part for part in (setting["title"], setting["description"]) if part)
    return f"{said} (default {default})" if default and len(default) > LONGEST else said


def default_of(field: FieldInfo) -> str | None:
    """As it would be given; None where there is none, or nothing is its default."""
    default = field.default
    if default is PydanticUndefined or default is None or default in ([], {}):
        return None
    if isinstance(default, Mapping):
        return ", ".join(f"{_text(name)}={_text(value)}" for name, value in default.items())
    if isinstance(default, list | tuple):
        return ",".join(_text(each) for each in default)
    return _text(default)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value if isinstance(value, Enum) else value)
