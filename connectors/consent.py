"""A person's consent in a browser: what an app asks for, and what the browser brings back.

`state` ties the answer to the question, and `verifier` (RFC 7636) the code to whoever asked: a code
that somebody else reads on its way is of no use without it.
"""

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import msgspec
from msgspec import Struct

from connectors.auth import Token
from connectors.errors import AuthFailed

ANEW = "Give the app its consent again with: retro consent NAME."
FIRST = "Give the app its consent with: retro consent NAME."
ONCE_MORE = "Run the command again, and give the consent in the browser that it names."


@dataclass(frozen=True)
class Asked:
    """One question for consent. `redirect_uri` is an address that the app is registered with."""

    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def challenge(self) -> str:
        """By the method S256."""
        digest = sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


class AuthServer(Protocol):
    """The tool's server of tokens, as an app talks to it. All but `address` raise AuthFailed when
    the server grants nothing, and TryLater."""

    def address(self, asked: Asked) -> str:
        """Where a person gives the consent."""
        ...

    def redeem(self, code: str, asked: Asked) -> Token:
        """The first pair, for a code that is good once."""
        ...

    def renew(self, spent: Token) -> Token:
        """The next pair, for a refresh token."""
        ...


def code_in(brought: str, asked: Asked) -> str:
    """The code in the address to which the browser was sent; or what was brought is the code.

    Raises AuthFailed when the consent was denied, or is the answer to another question.
    """
    text = brought.strip()
    if "?" not in text and "=" not in text.rstrip("="):
        return unquote(text)
    try:
        query = {name: values[0] for name, values in parse_qs(urlsplit(text).query).items()}
    except ValueError:
        query = {}
    state = query.get("state")
    if state is not None and state != asked.state:
        raise AuthFailed(
            "This consent answers another question than the one that was just asked.",
            next_step=ONCE_MORE,
        )
    if "error" in query:
        raise _denied(_plain(query["error"]), _plain(query.get("error_description", "")))
    if state is None or "code" not in query:
        raise AuthFailed("This address holds no consent of the tool.", next_step=ONCE_MORE)
    return query["code"]


def _plain(told: str) -> str:
    """In one line, and nothing in it that a terminal would obey: any site can make up an answer."""
    return " ".join("".join(c if c.isprintable() else " " for c in told).split())


def _denied(error: str, description: str) -> AuthFailed:
    # One tool among them says it in a word of its own.
    if error in ("access_denied", "user_denied"):
        return AuthFailed(
            "The consent was denied in the browser.",
            next_step="Run the command again, and let somebody agree who may install apps there.",
        )
    told = f"{error}: {description}" if description else error
    return AuthFailed(
        f"The tool gives no consent ({told}).",
        next_step="Correct the app in the tool or its settings here, then run the command again.",
    )


class _Refusal(Struct, frozen=True):
    message: str = ""
    error_description: str = ""
    error: str = ""


def not_redeemed(label: str, response: httpx.Response) -> AuthFailed:
    """What a server of tokens has against a code, in its own words."""
    try:
        said = msgspec.json.decode(response.content, type=_Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = _Refusal()
    why = said.message or said.error_description or said.error or f"status {response.status_code}"
    return AuthFailed(
        f"{label} takes no token out for this consent: {why.rstrip('.')}.",
        next_step="Compare client id, secret and redirect address with those of the app, then run "
        "the command again: a consent counts once, and for minutes only.",
    )
