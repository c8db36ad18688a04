"""Refusals of the portal, in its own words."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any


@dataclass(eq=False)
class PortalError(Exception):
    """A v2 refusal: `{"error": code, "error_description": description}`."""

    status: int
    code: str
    description: str

    def body(self) -> dict[str, Any]:
        return {"error": self.code, "error_description": self.description}


@dataclass(eq=False)
class V3Error(Exception):
    """A REST 3.0 refusal: `{"error": {"code", "message", "validation"?}}`."""

    status: int
    name: str
    message: str
    validation: list[dict[str, str]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {
            "code": f"BITRIX_REST_V3_EXCEPTION_{self.name}",
            "message": self.message,
        }
        if self.validation:
            error["validation"] = self.validation
        return {"error": error}


# Made anew for each raise: an exception that is raised twice keeps both tracebacks.
no_auth = partial(PortalError, 401, "NO_AUTH_FOUND", "Wrong authorization data")
expired_token = partial(PortalError, 401, "expired_token", "The access token provided has expired")
no_scope = partial(
    PortalError,
    403,
    "insufficient_scope",
    "The request requires higher privileges than provided by the webhook token",
)
wrong_auth_type = partial(
    PortalError, 403, "WRONG_AUTH_TYPE", "Current authorization type is denied for this method"
)
needs_app = partial(
    PortalError, 403, "ACCESS_DENIED", "Access denied! Application context required"
)
needs_admin = partial(PortalError, 400, "ACCESS_DENIED", "Access denied.")
rest_off = partial(
    PortalError,
    403,
    "ACCESS_DENIED",
    "REST API is available only on commercial plans with a subscription",
)
too_many = partial(PortalError, 503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
too_long = partial(
    PortalError, 429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit."
)
no_method = partial(PortalError, 404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
batch_length = partial(PortalError, 400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
batch_nested = partial(
    PortalError, 405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage"
)
not_found = partial(PortalError, 400, "NOT_FOUND", "Item not found")
not_visible = partial(
    PortalError, 400, "ACCESS_DENIED", "You do not have permission to view this item"
)
server_error = partial(PortalError, 500, "INTERNAL_SERVER_ERROR", "Internal server error")


def invalid_argument(description: str) -> PortalError:
    return PortalError(400, "INVALID_ARG_VALUE", description)


def core_error(description: str) -> PortalError:
    return PortalError(400, "ERROR_CORE", description)
