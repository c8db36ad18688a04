"""How the org refuses: an array of errors for calls, an object for tokens."""

from collections.abc import Sequence
from typing import Any


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields)

    @property
    def body(self) -> Any:
        more = {"fields": self.fields} if self.fields else {}
        return [{"message": self.message, "errorCode": self.code, **more}]


class NoToken(Refused):
    """The server of tokens has a form of its own."""

    @property
    def body(self) -> Any:
        return {"error": self.code, "error_description": self.message}


class SeveralFound(Refused):
    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__(300, "MULTIPLE_CHOICES", "several records carry the value")
        self.addresses = list(addresses)

    @property
    def body(self) -> Any:
        return self.addresses


def bad(code: str, message: str, *fields: str) -> Refused:
    return Refused(400, code, message, fields)


def malformed(message: str) -> Refused:
    return bad("MALFORMED_QUERY", message)


def not_found(message: str = "The requested resource does not exist") -> Refused:
    return Refused(404, "NOT_FOUND", message)


def no_session(code: str = "INVALID_SESSION_ID") -> Refused:
    return Refused(401, code, "Session expired or invalid")


def used_up(what: str = "TotalRequests") -> Refused:
    return Refused(403, "REQUEST_LIMIT_EXCEEDED", f"{what} Limit exceeded.")


def broken() -> Refused:
    return Refused(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")


def down() -> Refused:
    return Refused(503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable.")
