"""What the portal's refusals mean: its codes, named by what the caller does next.

Codes may be empty, 0 or "0": it is the key `error` that tells a refusal, not its value.
"""

import re
import textwrap
from http import HTTPStatus

import httpx
import msgspec
from msgspec import UNSET, Struct, UnsetType

from connectors.consent import ANEW
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectionBroken,
    ConnectorError,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import retry_after

# The portal tells no time for its request bucket; at 2 requests a second one second frees two.
BUCKET_PAUSE = 1.0
LONGEST_TEXT = 200
V3_PREFIX = "BITRIX_REST_V3_EXCEPTION_"


class FieldFault(Struct, frozen=True):
    field: str = ""
    message: str = ""


class V3Fault(Struct, frozen=True):
    code: str = ""
    message: str = ""
    validation: list[FieldFault] = []


class Fault(Struct, frozen=True):
    """A refusal as the portal words it: of a request, or of one command of a batch."""

    error: str | float | bool | V3Fault | UnsetType | None = UNSET
    error_description: str | None = None

    @property
    def is_refusal(self) -> bool:
        return self.error is not UNSET

    @property
    def code(self) -> str:
        if isinstance(self.error, V3Fault):
            return self.error.code
        return "" if self.error in (None, UNSET) else str(self.error)

    @property
    def text(self) -> str:
        if isinstance(self.error, V3Fault):
            fields = " ".join(fault.message for fault in self.error.validation)
            return plain(f"{self.error.message} {fields}")
        return plain(self.error_description or "")


def plain(text: str) -> str:
    """The portal's words without markup, in one line.

    Cut between words: half a secret would not be known for one.
    """
    return textwrap.shorten(re.sub(r"<[^>]*>", " ", text), LONGEST_TEXT, placeholder=" …")


def refusal(response: httpx.Response, *, operating_wait: float) -> ConnectorError | None:
    """The error an answer stands for; None when the portal did what it was asked.

    `operating_wait` is how long the called method stays blocked if its time is used up.
    """
    status = response.status_code
    try:
        fault = msgspec.json.decode(response.content, type=Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _not_json(response)
    if fault.is_refusal:
        method = response.request.url.path.rsplit("/", 1)[-1].removesuffix(".json")
        return named(fault, method, status=status, operating_wait=operating_wait)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    return named(Fault("", None), "", status=status, operating_wait=operating_wait)


def named(fault: Fault, method: str, *, status: int = 400, operating_wait: float) -> ConnectorError:
    """The error that a refusal of `method` stands for."""
    code = fault.code.upper().removeprefix(V3_PREFIX)
    if code == "ACCESS_DENIED" and status != HTTPStatus.FORBIDDEN:
        return _hidden(method)
    if code == "OPERATION_TIME_LIMIT":
        return RateLimited(
            f"The portal has used up its time for {method}.",
            retry_after=operating_wait,
            of_account=False,
        )
    if code in ("QUERY_LIMIT_EXCEEDED", "RATELIMITEXCEPTION"):
        return RateLimited("The portal gets too many requests.", retry_after=BUCKET_PAUSE)
    if code in KNOWN:
        kind, message, next_step = KNOWN[code]
        return kind(message.format(method=method), next_step=next_step)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in SERVER_FAULTS:
        return Unavailable(f"The portal failed inside (status {status}).")
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthFailed("The portal does not accept the key.")
    if status == HTTPStatus.FORBIDDEN:
        return NotPermitted(f"The portal does not permit {method}: {fault.text or code}.")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return BadResponse(f"The portal answers with an unexpected redirect ({status}).")
    return Rejected(f"The portal refuses {method}: {fault.text or code or status}.")


def _hidden(method: str) -> ConnectorError:
    """400 ACCESS_DENIED is about rows: one that a record call names, all of them for a list."""
    if method.endswith(".list"):
        return NotPermitted(
            f"The key's user may not read what {method} lists.",
            next_step="Give that user the right to read it in the portal, then run a check.",
        )
    return Rejected(
        f"The key's user may not do {method} on this record.",
        next_step="Give that user the right to this record in the portal, then retry it.",
    )


def _not_json(response: httpx.Response) -> ConnectorError:
    """A web page where an answer should be: from a proxy, a ban, or a host that is no portal."""
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = retry_after(response, otherwise=60.0)
        return RateLimited("A proxy before the portal asks for a pause.", retry_after=pause)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return BadResponse(f"The portal answers with an unexpected redirect ({status}).")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return ConnectionBroken(
            f"This address answers with a web page (status {status}), not as a Bitrix24 portal.",
            next_step="Check the address, and that no firewall blocks this machine, "
            "then run a check.",
        )
    return Unavailable(f"The portal answers with a web page (status {status}).")


_NEW_KEY = "Copy the webhook's address again from the portal, or make a new webhook, and connect."
_PLAN = "Ask the vendor or change the plan; until then keep KPI targets here only."
_SCOPE = "Edit the webhook in the portal, tick the missing scope, then run a check."

SERVER_FAULTS = frozenset({"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"})

KNOWN: dict[str, tuple[type[ConnectorError], str, str | None]] = {
    "NO_AUTH_FOUND": (AuthFailed, "The portal does not know this webhook or token.", _NEW_KEY),
    "INVALID_TOKEN": (AuthFailed, "The portal does not know this token.", ANEW),
    "EXPIRED_TOKEN": (AuthFailed, "The access token has run out.", ANEW),
    "AUTHORIZATION_ERROR": (AuthFailed, "The key's user is gone from the portal.", _NEW_KEY),
    "WRONG_CLIENT": (AuthFailed, "The portal does not know this application.", ANEW),
    "INVALID_CREDENTIALS": (
        NotPermitted,
        "The key's user lacks the rights for {method}.",
        "Give that user the rights in the portal, then run a check.",
    ),
    "USER_ACCESS_ERROR": (
        NotPermitted,
        "The key's user may not use this application.",
        "Give that user access to the application in the portal, then run a check.",
    ),
    "METHOD_CONFIRM_WAITING": (
        NotPermitted,
        "An administrator of the portal has not confirmed {method} yet.",
        "Ask the administrator to confirm the request in the portal, then run a check.",
    ),
    "METHOD_CONFIRM_DENIED": (
        NotPermitted,
        "An administrator of the portal refused {method}.",
        "Ask the administrator to permit it, then run a check.",
    ),
    "INSUFFICIENT_SCOPE": (NotPermitted, "The webhook lacks the scope of {method}.", _SCOPE),
    "INSUFFICIENTSCOPEEXCEPTION": (
        NotPermitted,
        "The webhook lacks the scope of {method}.",
        _SCOPE,
    ),
    "ACCESSDENIEDEXCEPTION": (
        Rejected,
        "The key's user may not do {method} on this record.",
        "Give that user the right to this record in the portal, then retry it.",
    ),
    "ACCESS_DENIED": (
        NotPermitted,
        "The portal denies REST calls to this key.",
        "Check that the portal has a commercial plan with REST (Market subscription) and that "
        "the webhook's user is active, then run a check.",
    ),
    "ALLOWED_ONLY_INTRANET_USER": (
        NotPermitted,
        "The key's user is no employee of the portal.",
        "Make the webhook as an employee, then connect with it.",
    ),
    "WRONG_AUTH_TYPE": (
        NotPermitted,
        "A webhook may not call {method}.",
        "Connect with an application instead of a webhook to use it.",
    ),
    "INVALID_REQUEST": (
        ConnectionBroken,
        "The portal takes calls over https only.",
        "Write the address with https:// and connect again.",
    ),
    "ERROR_METHOD_NOT_FOUND": (
        NotPermitted,
        "The portal does not offer {method}.",
        "Check the portal's version and modules, then run a check.",
    ),
    "METHODNOTFOUNDEXCEPTION": (
        NotPermitted,
        "The portal does not offer {method}.",
        "Check the portal's version and modules, then run a check.",
    ),
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": (
        NotPermitted,
        "The portal does not offer {method}.",
        "Check the portal's version and modules, then run a check.",
    ),
    "OVERLOAD_LIMIT": (
        ConnectionBroken,
        "The vendor has blocked REST calls of this portal for overload.",
        "Ask the vendor's support to lift the block, then run a check.",
    ),
    "PORTAL_DELETED": (
        ConnectionBroken,
        "The portal has been deleted.",
        "Remove this connection, or connect to the portal that replaced it.",
    ),
    "CREATE_DYNAMIC_TYPE_RESTRICTED": (
        NotPermitted,
        "The portal's plan allows no further smart process for KPI targets.",
        _PLAN,
    ),
    "CREATE_DYNAMIC_ITEM_RESTRICTED": (
        NotPermitted,
        "The portal's plan allows no further KPI target items.",
        _PLAN,
    ),
    "NOT_FOUND": (NotFound, "The portal does not have this record.", None),
    "ENTITYNOTFOUNDEXCEPTION": (NotFound, "The portal does not have this record.", None),
    # The key was used within 24 hours for another text: so a record with it exists.
    "IDEMPOTENCYKEYREUSEDEXCEPTION": (
        OutcomeUnknown,
        "The portal has already done a write with this key, in other words.",
        None,
    ),
}
