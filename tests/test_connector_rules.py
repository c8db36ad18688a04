"""What the code of connectors does not do, and what shared code does not know."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connectors.registry import shipped_tools
from tests.conftest import ROOT
from tests.test_layout import name, sources, tree

CLIENTS = {f"httpx.{one}" for one in ("Client", "AsyncClient", "get", "post", "request", "stream")}
FORBIDDEN = {"time.sleep", "asyncio.sleep", *CLIENTS}
RETRYING = ("tenacity", "backoff", "retrying", "stamina")
# What a client that tries again would catch; all others are of one record.
TRANSIENT = {
    f"connectors.errors.{one}"
    for one in ("ConnectorError", "RateLimited", "Unavailable", "OutcomeUnknown")
}
# It lists those that come with the service.
NAMES_TOOLS = "connectors/registry.py"


def connector_files() -> list[Path]:
    """A tool's own code, without its sandbox, which is a server."""
    return [
        path
        for kind in shipped_tools()
        for path in sources(f"connectors/{kind}")
        if path.name != "sandbox.py" and "portal" not in path.parts
    ]


def shared_files() -> list[Path]:
    """All of `connectors` but the folders of tools."""
    tools = {ROOT / "connectors" / kind for kind in shipped_tools()}
    return [path for path in sources("connectors") if tools.isdisjoint(path.parents)]


def test_shared_parts_name_no_tool() -> None:
    words = {
        word.lower()
        for kind, tool in shipped_tools().items()
        for word in (kind, tool.label)
        if kind != "files"
    }
    named = [
        f"{name(file)}: {word}"
        for file in shared_files()
        if name(file) != NAMES_TOOLS
        for word in (*words, "bitrix")
        if word in file.read_text(encoding="utf-8").lower()
    ]
    assert named == []


def test_no_connector_sleeps_retries_opens_a_client_or_catches_an_error_of_the_wire() -> None:
    broken = [
        f"{name(path)}:{what}" for path in connector_files() for what in forbidden(tree(path))
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("from time import sleep as rest\nrest(1)", "time.sleep"),
        ("import httpx as h\nh.Client()", "httpx.Client"),
        ("from httpx import Client\nClient()", "httpx.Client"),
        ("import tenacity", "tenacity"),
        ("from tenacity.wait import wait_none", "tenacity"),
        (
            "from httpx import HTTPError as E\ntry:\n    f()\nexcept (E, ValueError):\n    g()",
            "httpx.HTTPError",
        ),
        (
            "from contextlib import suppress as s\nfrom httpx import HTTPError\n"
            "with s(HTTPError):\n    f()",
            "suppress httpx.HTTPError",
        ),
        (
            "from connectors.errors import Unavailable\nfor _ in range(3):\n    try:\n        f()\n"
            "    except Unavailable:\n        continue",
            "a loop",
        ),
    ],
)
def test_what_is_forbidden_is_found(code: str, told: str) -> None:
    assert told in " ".join(forbidden(ast.parse(code)))


def test_odd_rows_may_be_caught_one_by_one() -> None:
    code = "for row in rows:\n    try:\n        f()\n    except ValueError:\n        g()"
    assert list(forbidden(ast.parse(code))) == []


def forbidden(module: ast.Module) -> Iterator[str]:
    """Each with its line. Names are followed to where they were imported from."""
    known = _imported(module)
    for node in ast.walk(module):
        for what in _wrong(node, known):
            yield f"{getattr(node, 'lineno', 0)}: {what}"


def _wrong(node: ast.AST, known: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        from_ = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules = from_ or [each.name for each in node.names]
        yield from (one for one in modules if one.split(".")[0] in RETRYING)
    elif isinstance(node, ast.ExceptHandler):
        yield from (f"except {one}" for one in _named(node.type, known) if _of_wire(one))
    elif isinstance(node, ast.Call):
        called = _full(node.func, known)
        if called in FORBIDDEN:
            yield called
        if called == "contextlib.suppress":
            caught = [one for each in node.args for one in _named(each, known)]
            yield from (f"suppress {one}" for one in caught if _of_wire(one))
    elif isinstance(node, ast.For | ast.While):
        for each in ast.walk(node):
            if isinstance(each, ast.ExceptHandler) and TRANSIENT & set(_named(each.type, known)):
                yield "a loop tries again"


def _of_wire(full: str) -> bool:
    return full.split(".")[0] in ("httpx", "httpcore")


def _named(node: ast.expr | None, known: Mapping[str, str]) -> list[str]:
    if node is None:
        return []
    several = node.elts if isinstance(node, ast.Tuple) else [node]
    return [_full(each, known) for each in several]


def _full(node: ast.expr, known: Mapping[str, str]) -> str:
    first, dot, rest = ast.unparse(node).partition(".")
    return f"{known.get(first, first)}{dot}{rest}"


def _imported(module: ast.Module) -> Mapping[str, str]:
    """What each name of the module stands for."""
    known: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.split(".")[0]
                known[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom):
            known |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return known
