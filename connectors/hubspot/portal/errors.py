"""How the account refuses: HubSpot's statuses and error shape."""

from collections.abc import Mapping, Sequence
from typing import Any

CORRELATION = "0f3c0a52-0000-4000-8000-5f1f6a1c0001"


class Refused(Exception):
    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {
            "status": "error",
            "message": message,
            "correlationId": CORRELATION,
            "category": category,
            **(more or {}),
        }


def invalid(message: str, names: Sequence[str] = ()) -> Refused:
    details = [{"message": message, "context": {"propertyName": list(names)}}] if names else []
    return Refused(400, "VALIDATION_ERROR", message, more={"errors": details})


def not_found(what: str) -> Refused:
    return Refused(404, "OBJECT_NOT_FOUND", f"{what} not found")


def conflict(message: str) -> Refused:
    return Refused(409, "CONFLICT", message)


def no_scope(scope: str) -> Refused:
    more = {
        "errors": [{"message": "missing scopes", "context": {"requiredGranularScopes": [scope]}}]
    }
    return Refused(
        403, "MISSING_SCOPES", "This app hasn't been granted all required scopes.", more=more
    )


def unauthorized(expired: bool = False) -> Refused:
    word = "expired" if expired else "invalid"
    return Refused(401, "INVALID_AUTHENTICATION", f"Authentication credentials are {word}.")


def too_many(policy: str, headers: Mapping[str, str] | None = None) -> Refused:
    more = {"errorType": "RATE_LIMIT", "policyName": policy}
    message = f"You have reached your {policy.lower()} limit."
    return Refused(429, "RATE_LIMITS", message, more=more, headers=headers)


def server_error() -> Refused:
    return Refused(500, "INTERNAL_ERROR", "internal error")
