"""Pipedrive's refusals."""

from typing import Any

from connectors.sandbox.asgi import Response, html_response, json_response

INFO = "Please check developers.pipedrive.com for more information about Pipedrive API."


class ToolError(Exception):
    """`code` is only in some answers with status 403, and in those to a body or query that does not
    fit."""

    def __init__(self, status: int, error: str, code: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.code = code

    def response(self) -> Response:
        body: dict[str, Any] = {
            "success": False,
            "error": self.error,
            "error_info": INFO,
            "data": None,
            "additional_data": None,
        }
        if self.status == 401:
            body["errorCode"] = 401
        if self.code:
            body["code"] = self.code
        return json_response(body, self.status)


def invalid(what: str) -> ToolError:
    return ToolError(400, f"Validation failed: {what}", "ERR_SCHEMA_VALIDATION_FAILED")


def unauthorized() -> ToolError:
    return ToolError(401, "unauthorized access")


def forbidden(what: str = "Scope and URL mismatch") -> ToolError:
    return ToolError(403, what)


def not_found(what: str) -> ToolError:
    return ToolError(404, f"{what} not found")


def too_many() -> ToolError:
    return ToolError(429, "Rate limit exceeded")


def out_of_tokens() -> ToolError:
    return ToolError(429, "Daily API token limit exceeded")


def blocked() -> Response:
    """Of the CDN, which speaks no JSON."""
    return html_response(403, "Access denied | Error 1015")
