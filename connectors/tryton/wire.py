"""The dialect: REST calls by model and method, values with a `__class__`, refusals.

Reads are `search_read` by POST, since a domain with many ids does not fit into an address.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct

from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotFound,
    NotPermitted,
    RateLimited,
    Rejected,
)
from connectors.http import Answer, ApiClient, refusal, remote_now

T = TypeVar("T")

Domain = Sequence[Any]
# Asked for in English, so that a refusal can be told by its text where it has no code.
ENGLISH = "en"
# Two creates at once took one number from the sequence, which SQLite cannot lock. Nothing was done.
NUMBER_TAKEN = "The number on work must be unique."
SOON = 0.5


class Refusal(Struct, frozen=True):
    message: str = ""
    description: str | None = None


class Made(Struct, frozen=True):
    id: int


@dataclass(frozen=True)
class Found:
    """The rows of an answer, not decoded yet, and the server's clock."""

    content: bytes
    now: datetime | None

    def rows(self, into: type[T]) -> list[T]:
        try:
            # A generic alias made at run time: the row type is a value here.
            many: Any = list[into]  # type: ignore[valid-type]
            decoded: list[T] = msgspec.json.decode(self.content, type=many, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadResponse(f"The tool's answer could not be read: {error}") from error
        return decoded


class Server:
    """One database. `company` is the id of the company that records are made in."""

    def __init__(self, api: ApiClient, company: Callable[[], int]) -> None:
        self._api = api
        self._company = company

    def search(
        self, model: str, domain: Domain, fields: Sequence[str], *, limit: int | None = None
    ) -> Found:
        """In order of ids."""
        body = {
            "domain": list(domain),
            "limit": limit,
            "order": [["id", "ASC"]],
            "fields_names": ["id", *fields],
        }
        answer = self._api.search(f"{model}/search_read", body)
        return Found(answer.content, remote_now(answer))

    def call(self, model: str, method: str, arguments: Mapping[str, Any]) -> Answer:
        """A method that reads."""
        return self._api.search(f"{model}/{method}", arguments)

    def create(self, model: str, values: Mapping[str, Any]) -> str:
        """Raises OutcomeUnknown when the answer was lost."""
        answer = self._api.post(model, values, headers=self._heads())
        return str(answer.decode(Made).id)

    def write(self, model: str, remote_id: str, values: Mapping[str, Any]) -> None:
        self._api.post(
            f"{model}/{int(remote_id)}/write",
            {"values": values},
            repeatable=True,
            headers=self._heads(),
        )

    def delete(self, model: str, remote_id: str) -> None:
        """One that is gone already is left so."""
        try:
            self._api.delete(f"{model}/{int(remote_id)}")
        except NotFound:
            return

    def _heads(self) -> Mapping[str, str]:
        """Rules for a company judge a write by the company of its context."""
        context = json.dumps({"company": self._company()}).encode()
        return {"X-Tryton-Context": encoded(context), "Accept-Language": ENGLISH}


def encoded(text: bytes) -> str:
    """Padded base64 with an alphabet for addresses: without padding the server fails."""
    return urlsafe_b64encode(text).decode()


def name_refusal(response: httpx.Response) -> ConnectorError | None:
    status = response.status_code
    if status == 400:
        told = _told(response)
        if told.message == NUMBER_TAKEN:
            return RateLimited(told.message, retry_after=SOON, of_account=False)
        words = " ".join(part for part in (told.message, told.description) if part)
        return Rejected(f"Tryton refuses the request: {words or 'it does not say why.'}")
    if status == 401:
        return AuthFailed(
            "Tryton does not accept the key.",
            next_step="Let an administrator validate the key, or make a new one and connect again.",
        )
    if status == 403:
        return NotPermitted(
            "The key's user may not do this in Tryton.",
            next_step="Add the user to the groups Sales and Project Administration, then run a "
            "check.",
        )
    return refusal(response, "Tryton")


def _told(response: httpx.Response) -> Refusal:
    try:
        return msgspec.json.decode(response.content, type=Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Refusal()


def moment(at: datetime) -> dict[str, Any]:
    """UTC without saying so, as the server keeps it."""
    at = at.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{part: getattr(at, part) for part in parts}}


def like(text: str) -> str:
    """A pattern for texts that hold this one; some characters would stand for others."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
