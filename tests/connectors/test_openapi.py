"""The check of requests against OpenAPI documents finds what is planted, and nothing else."""

import json
from typing import Any

import httpx
import pytest

from tests.connectors.openapi import Document, Documents, Recording

SERVER = "https://{name}.tool.example"
DEAL = {
    "type": "object",
    "required": ["title"],
    "properties": {
        "title": {"type": "string"},
        "value": {"type": "number"},
        "labels": {"type": "array", "items": {"$ref": "#/components/schemas/Label"}},
        "properties": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
LABEL = {"allOf": [{"type": "object", "properties": {"id": {"type": "integer"}}}]}
PARAMETERS = [
    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
    {
        "name": "fields",
        "in": "query",
        "schema": {"type": "array", "items": {"type": "string"}},
        "style": "form",
        "explode": True,
    },
]
BODY = {"required": True, "content": {"application/json": {"schema": DEAL}}}
ANSWER = {"200": {"description": "OK"}}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
SPEC: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "made up", "version": "1"},
    "servers": [{"url": f"{SERVER}/v1", "variables": {"name": {"default": "one"}}}],
    "paths": {
        "/deals": {
            "get": {"parameters": PARAMETERS, "responses": ANSWER},
            "post": {"requestBody": BODY, "responses": ANSWER, "security": [{"key": []}]},
        },
        "/deals/{id}": {"parameters": [ID], "get": {"responses": ANSWER}},
        "/deals/newest": {"get": {"responses": ANSWER}},
    },
    "components": {
        "schemas": {"Label": LABEL},
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    },
}
BASE = "http://127.0.0.1:9001/v1"


@pytest.fixture
def made_up() -> Documents:
    pytest.importorskip("openapi_core", reason="openapi-core is not installed")
    return Documents([Document(SPEC)])


def post(body: object) -> httpx.Request:
    return httpx.Request("POST", f"{BASE}/deals", json=body)


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("GET", f"{BASE}/deals"),
        httpx.Request("GET", f"{BASE}/deals?limit=5&fields=a&fields=b"),
        httpx.Request("GET", f"{BASE}/deals/7"),
        httpx.Request("GET", f"{BASE}/deals/newest"),
        post({"title": "x", "labels": [{"id": 1}], "properties": {"any": "text"}}),
    ],
    ids=lambda request: str(request.url.path),
)
def test_what_is_described_is_right(made_up: Documents, request_: httpx.Request) -> None:
    assert made_up.faults(request_) == []


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (httpx.Request("GET", f"{BASE}/deals?limt=5"), "'limt' is not declared"),
        (httpx.Request("GET", f"{BASE}/deals?limit=many"), "limit"),
        (httpx.Request("GET", f"{BASE}/deals/last"), "id"),
        (httpx.Request("GET", f"{BASE}/contacts"), "in no document"),
        (httpx.Request("DELETE", f"{BASE}/deals"), "in no document"),
        (post({"value": 1}), "title"),
        (post({"title": 1}), "1 is not of type 'string'"),
        (post({"title": "x", "titel": "y"}), "body.titel is not declared"),
        (post({"title": "x", "labels": [{"name": "y"}]}), "body.labels[0].name is not declared"),
        (post({"title": "x", "properties": {"any": 1}}), "1 is not of type 'string'"),
        (httpx.Request("POST", f"{BASE}/deals"), "equired"),
        (httpx.Request("POST", f"{BASE}/deals", data={"title": "x"}), "is not declared"),
    ],
)
def test_what_is_planted_is_found(made_up: Documents, request_: httpx.Request, told: str) -> None:
    assert told in " ".join(made_up.faults(request_))


def test_what_the_documents_leave_out_is_excused_by_name(made_up: Documents) -> None:
    excused = Documents(made_up.several, {r"DELETE /v1/deals/\d+": "A selection of documents."})
    assert excused.faults(httpx.Request("DELETE", f"{BASE}/deals/7")) == []
    for verb, path in (("DELETE", "deals/last"), ("DELETE", "deals"), ("PUT", "deals/7")):
        assert excused.faults(httpx.Request(verb, f"{BASE}/{path}")) != []
    # What a document has is held to it all the same.
    named = Documents(made_up.several, {"GET /v1/deals": "It is described by now."})
    assert named.faults(httpx.Request("GET", f"{BASE}/deals?limt=5")) != []


def test_requests_are_kept_with_their_bodies() -> None:
    kept = Recording(httpx.MockTransport(lambda _: httpx.Response(200)))
    with httpx.Client(transport=kept) as client:
        client.post(f"{BASE}/deals", json={"title": "x"})
    (request,) = kept.requests
    assert json.loads(request.content) == {"title": "x"}
