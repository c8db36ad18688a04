"""The parts of README.md that follow from the code; `python -m tests.readme` writes them anew."""

from typing import Any

from pydantic_core import PydanticUndefined

from config.settings import PREFIX, Settings
from connectors.capabilities import CAPABILITIES
from connectors.port import Connector
from connectors.registry import shipped_tools
from tests.conftest import ROOT

README = ROOT / "README.md"


def capability_table() -> str:
    kinds = shipped_tools()
    rows = [
        [name, *("yes" if issubclass(tool, protocol) else "" for tool in kinds.values())]
        for name, protocol in CAPABILITIES.items()
    ]
    rows.append(["KPI targets become", *(_forms(tool) for tool in kinds.values())])
    return _table(["", *(f"{tool.label} (`{kind}`)" for kind, tool in kinds.items())], rows)


def settings_table() -> str:
    rows = [
        [f"`{PREFIX}{name.upper()}`", _shown(field.get_default()), field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    return _table(["variable", "default", "what it is"], rows)


TABLES = {"capabilities": capability_table, "settings": settings_table}


def part(text: str, name: str) -> str:
    """What stands between the markers of this name."""
    return text.split(_start(name), 1)[1].split(_end(name), 1)[0].strip()


def written_anew(text: str) -> str:
    for name, table in TABLES.items():
        before, rest = text.split(_start(name), 1)
        _, after = rest.split(_end(name), 1)
        text = f"{before}{_start(name)}\n{table()}\n{_end(name)}{after}"
    return text


def _forms(tool: type[Connector[Any]]) -> str:
    """Fallbacks are marked."""
    return "; ".join(
        f"{form.name.en} (fallback)" if form.is_fallback else form.name.en
        for form in tool.target_forms
    )


def _start(name: str) -> str:
    return f"<!-- {name}: written by `python -m tests.readme` -->"


def _end(name: str) -> str:
    return f"<!-- end of {name} -->"


def _shown(default: object) -> str:
    """Nothing where the description says what holds without the variable."""
    if default is None or default == () or default is PydanticUndefined:
        return ""
    return f"`{'off' if default is False else default}`"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text(encoding="utf-8")), encoding="utf-8")
