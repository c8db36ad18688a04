"""How calls are signed. A static key is a header; OAuth is a token renewed once for all processes.

`OAuth` holds no token of its own: it asks the `TokenStore`, which the vault implements with a lock
that every process shares, so that two workers never spend one rotating refresh token twice.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import httpx
import msgspec
from msgspec import Struct
from pydantic import SecretStr

from connectors.errors import AuthFailed, BadResponse, Unavailable

GrantedT = TypeVar("GrantedT", bound=Struct)

SERVER_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Token(Struct, frozen=True):
    """An OAuth pair. `refresh_token` may be spent once: its answer brings the next one. `address`
    is where calls with it go, of tools that tell that with each token."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    address: str = ""


class TokenStore(Protocol):
    """Where the current pair lives, encrypted."""

    def load(self) -> Token: ...

    def locked(self) -> AbstractContextManager[None]:
        """Held by one process at a time; another one that waits finds the new pair saved."""
        ...

    def save(self, token: Token) -> None: ...


def ask_server(
    request: httpx.Request, transport: httpx.BaseTransport | None = None
) -> httpx.Response:
    """A call that cannot be signed, since there is no token yet: to the tool's auth server.

    Raises Unavailable when it cannot be asked.
    """
    try:
        with httpx.Client(timeout=SERVER_TIMEOUT, transport=transport) as client:
            return client.send(request)
    except httpx.HTTPError as lost:
        raise Unavailable("The authorization server cannot be reached.") from lost


class Granted(Struct, frozen=True):
    """What an auth server answers. `expires_in` is informative: only a refusal makes us renew."""

    access_token: str
    refresh_token: str
    expires_in: float = 0.0

    @property
    def pair(self) -> Token:
        ends = datetime.now(UTC) + timedelta(seconds=self.expires_in)
        return Token(self.access_token, self.refresh_token, ends)


def granted(response: httpx.Response, into: type[GrantedT]) -> GrantedT:
    """Raises BadResponse."""
    try:
        return msgspec.json.decode(response.content, type=into, strict=False)
    except msgspec.MsgspecError as error:
        raise BadResponse("The authorization server's answer could not be read.") from error


class Bearer(httpx.Auth):
    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


class OAuth(httpx.Auth):
    """Signs with the current token; renews it only when the tool says that it expired.

    `sign` puts the token on the request, `expired` recognises the tool's refusal, `renew` spends
    the refresh token at the tool's auth server (raises AuthFailed when it is dead).
    """

    requires_response_body = True

    def __init__(
        self,
        store: TokenStore,
        *,
        sign: Callable[[httpx.Request, Token], None],
        expired: Callable[[httpx.Response], bool],
        renew: Callable[[Token], Token],
    ) -> None:
        self._store = store
        self._sign = sign
        self._expired = expired
        self._renew = renew

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._store.load()
        self._sign(request, token)
        response = yield request
        if self._expired(response):
            self._sign(request, self._renewed(token))
            response = yield request
            if self._expired(response):
                raise AuthFailed("The tool refuses the token it has just issued.")

    def _renewed(self, spent: Token) -> Token:
        with self._store.locked():
            current = self._store.load()
            if current.access_token != spent.access_token:
                return current
            try:
                fresh = self._renew(current)
            except AuthFailed:
                # Another one may have spent it, where this renewal outlived its lock.
                other = self._store.load()
                if other.access_token == current.access_token:
                    raise
                return other
            # Saved before its first use: a crash here must not lose the only live pair.
            self._store.save(fresh)
            return fresh


def bearer_oauth(store: TokenStore, renew: Callable[[Token], Token]) -> OAuth:
    """The usual way: the token in a header, and 401 where it expired."""
    return OAuth(store, sign=_sign, expired=_expired, renew=renew)


def _sign(request: httpx.Request, token: Token) -> None:
    request.headers["Authorization"] = f"Bearer {token.access_token}"


def _expired(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.UNAUTHORIZED
