"""Whether what a connector sends is what the tool's OpenAPI documents describe.

The documents lie beside the project (`../shared/specs/<tool>`, or where RETRO_SPECS says); without
them, or without openapi-core, what asks for them is skipped with the reason.

Stricter than the documents: a parameter or a field of a body that they do not declare is an error
too. A tool ignores those in silence, and what was meant by them is lost.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.conftest import ROOT

Node = Mapping[str, Any]
COMBINED = ("allOf", "anyOf", "oneOf")
FORM = "application/x-www-form-urlencoded"
VARIABLE = re.compile(r"\\\{[^}]+\\\}")


def documents(tool: str, pattern: str = "*.json") -> "Documents | None":
    """Those of a tool whose file name fits the pattern; None where they cannot be used."""
    given = os.environ.get("RETRO_SPECS")
    folder = (Path(given) if given else ROOT.parent / "shared" / "specs") / tool
    paths = sorted(folder.glob(pattern))
    if not paths or find_spec("openapi_core") is None:
        return None
    return Documents([Document(json.loads(path.read_text("utf-8"))) for path in paths])


def needed(found: "Documents | None") -> "Documents":
    """Skips the test where there are none."""
    if found is None:
        pytest.skip("needs openapi-core, and the tool's OpenAPI documents beside the project")
    return found


@dataclass
class Recording(httpx.BaseTransport):
    """Passes requests on and keeps them: as `transport` of a connector's wire."""

    inner: httpx.BaseTransport
    requests: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@dataclass(frozen=True)
class Found:
    """An operation of a document, with its name and the values in its path."""

    document: "Document"
    template: str
    verb: str

    @property
    def name(self) -> str:
        return f"{self.verb.upper()} {self.template}"

    @property
    def operation(self) -> Node:
        found: Node = self.document.spec["paths"][self.template][self.verb]
        return found


@dataclass(frozen=True)
class Documents:
    """`left_out` are requests that no document has although the tool takes them, as patterns of
    `VERB path`, each with the reason."""

    several: Sequence["Document"]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def faults(self, request: httpx.Request) -> list[str]:
        """What is wrong with a request, in sentences; nothing when it is as described."""
        found = self.find(request)
        if found is None:
            name = f"{request.method} {request.url.path}"
            return [] if self._excuse(name) else [f"{name} is in no document"]
        told = [*found.document.refused(request), *undeclared_in(found, request)]
        return [f"{found.name}: {one}" for one in told]

    def excused(self, requests: Iterable[httpx.Request]) -> Set[str]:
        """Those of `left_out` that are needed for these requests."""
        names = {f"{one.method} {one.url.path}" for one in requests if self.find(one) is None}
        return {excuse for name in names if (excuse := self._excuse(name)) is not None}

    def _excuse(self, name: str) -> str | None:
        fitting = (pattern for pattern in self.left_out if re.fullmatch(pattern, name))
        return next(fitting, None)

    def find(self, request: httpx.Request) -> Found | None:
        """The operation with the fewest variables in its path, as the specification says."""
        fitting = [found for each in self.several if (found := each.find(request)) is not None]
        return min(fitting, key=lambda one: one.template.count("{"), default=None)


@dataclass(frozen=True)
class Document:
    spec: Node

    def find(self, request: httpx.Request) -> Found | None:
        path, verb = request.url.raw_path.decode().partition("?")[0], request.method.lower()
        fitting = [
            template
            for template, pattern in self._patterns.items()
            if pattern.fullmatch(path) and verb in self.spec["paths"][template]
        ]
        best = min(fitting, key=lambda one: one.count("{"), default=None)
        return None if best is None else Found(self, best, verb)

    def refused(self, request: httpx.Request) -> Iterator[str]:
        """What openapi-core says of path, parameters and body. Credentials are the tool's matter:
        its sandbox refuses those that are wrong."""
        from openapi_core.exceptions import OpenAPIError

        try:
            self._validator.validate_request(_Asked(request, self._server))
        except OpenAPIError as error:
            yield _with_causes(error)

    def resolved(self, node: Node) -> Node:
        while "$ref" in node:
            found: Any = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def branches(self, node: Node) -> Iterator[Node]:
        """A schema and those that it is combined from."""
        node = self.resolved(node)
        yield node
        for how in COMBINED:
            for each in node.get(how, ()):
                yield from self.branches(each)

    @cached_property
    def _patterns(self) -> Mapping[str, re.Pattern[str]]:
        base = urlsplit(self._server).path.rstrip("/")
        return {
            template: re.compile(VARIABLE.sub("[^/]+", re.escape(base + template)))
            for template in self.spec["paths"]
        }

    @cached_property
    def _server(self) -> str:
        servers = self.spec.get("servers") or [{"url": "http://localhost"}]
        address: str = servers[0]["url"]
        for name, variable in servers[0].get("variables", {}).items():
            address = address.replace(f"{{{name}}}", variable["default"])
        return address

    @cached_property
    def _validator(self) -> Any:
        from openapi_core import OpenAPI

        # Which credentials a call takes is proven by the sandbox; and where it goes, by the test.
        open_to_all = {key: value for key, value in self.spec.items() if key != "security"}
        paths = {
            template: {
                verb: {k: v for k, v in operation.items() if k != "security"}
                if isinstance(operation, dict)
                else operation
                for verb, operation in item.items()
            }
            for template, item in self.spec["paths"].items()
        }
        return OpenAPI.from_dict(
            {**open_to_all, "servers": [{"url": self._server}], "paths": paths}
        )


def undeclared_in(found: Found, request: httpx.Request) -> Iterator[str]:
    """Parameters of the query and fields of the body that the operation does not name."""
    document, operation = found.document, found.operation
    shared = document.spec["paths"][found.template].get("parameters", ())
    parameters = [document.resolved(one) for one in (*shared, *operation.get("parameters", ()))]
    names = {one["name"] for one in parameters if one["in"] == "query"}
    for name in dict.fromkeys(request.url.params.keys()):
        if name not in names:
            yield f"the query parameter {name!r} is not declared"
    if not request.content:
        return
    body = document.resolved(operation.get("requestBody", {}))
    media = request.headers.get("Content-Type", "").partition(";")[0]
    content = body.get("content", {}).get(media)
    if content is None:
        yield f"a body of type {media!r} is not declared"
    elif "schema" in content:
        sent = dict(parse_qsl(request.content.decode())) if media == FORM else None
        yield from undeclared(document, content["schema"], sent or _read(request), "body")


def undeclared(document: Document, schema: Node, value: Any, place: str) -> Iterator[str]:
    branches = list(document.branches(schema))
    if isinstance(value, list):
        items = [one["items"] for one in branches if "items" in one]
        for number, each in enumerate(value):
            yield from undeclared(document, {"anyOf": items}, each, f"{place}[{number}]")
    if not isinstance(value, dict):
        return
    more = [one.get("additionalProperties") for one in branches]
    named = any(one.get("properties") for one in branches)
    for name, each in value.items():
        known = [one["properties"][name] for one in branches if name in one.get("properties", {})]
        known += [one for one in more if isinstance(one, dict)] if not known else []
        if known:
            yield from undeclared(document, {"anyOf": known}, each, f"{place}.{name}")
        elif named and True not in more:
            yield f"{place}.{name} is not declared"


def _read(request: httpx.Request) -> Any:
    try:
        return json.loads(request.content)
    except ValueError:
        return None


def _with_causes(error: BaseException) -> str:
    told = str(error) or type(error).__name__
    errors = getattr(error.__cause__, "schema_errors", None) or getattr(error, "schema_errors", ())
    details = "; ".join(f"{list(one.path)}: {one.message}" for one in errors)
    cause = f" ({error.__cause__})" if error.__cause__ and not details else ""
    return f"{told}{cause} {details}".strip()


class _Asked:
    """A request in the words of openapi-core, sent to the document's own server."""

    def __init__(self, request: httpx.Request, server: str) -> None:
        from openapi_core.datatypes import RequestParameters
        from werkzeug.datastructures import Headers, ImmutableMultiDict

        parts = urlsplit(server)
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = request.url.raw_path.decode().partition("?")[0]
        self.method = request.method.lower()
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(list(request.headers.items())),
            cookie=ImmutableMultiDict(),
        )
        self.body = request.content or None
        self.content_type = request.headers.get("Content-Type", "")
