"""Tokens of an external client app. None says when it ends: a refusal is the signal to renew it.

Each token names the address to which calls go; an org that is moved names another one.
"""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import RLock
from urllib.parse import urlencode

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct
from pydantic import SecretStr

from connectors.auth import OAuth, Token, TokenStore, ask_server
from connectors.consent import ANEW, FIRST, Asked, not_redeemed
from connectors.errors import AuthFailed, BadResponse, ConnectorError, RateLimited, Unavailable
from connectors.hosts import is_safe
from connectors.http import retry_after
from connectors.salesforce.config import SalesforceConfig, SignIn

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# An assertion may end at most 180 seconds ahead; clocks differ.
ASSERTION_SECONDS = 120
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
NONE = Token("", "", NEVER)
APP = "Correct consumer key, secret and user in the settings, or the app in Setup, then check."
SCOPE = "Give the app the scope refresh_token in Setup, then run the command again."
STEPS = {
    SignIn.CONSENT: ANEW,
    SignIn.CLIENT_CREDENTIALS: APP,
    SignIn.JWT: f"{APP} Where they are right, set jwt_audience to my_domain, or back to login.",
}
LOGIN_PAUSE = 60.0


class Granted(Struct, frozen=True):
    access_token: str
    instance_url: str
    refresh_token: str | None = None


class NotGranted(Struct, frozen=True):
    error: str = ""
    error_description: str = ""


# What lets an app renew its token, beside the calls.
SCOPES = "api refresh_token"


class Grants:
    """Asks the server of tokens at My Domain, in a body: addresses end up in logs."""

    def __init__(self, config: SalesforceConfig, transport: httpx.BaseTransport | None) -> None:
        self._config = config
        self._transport = transport

    def address(self, asked: Asked) -> str:
        query = {
            "response_type": "code",
            "client_id": self._config.client_id or "",
            "redirect_uri": asked.redirect_uri,
            "scope": SCOPES,
            "state": asked.state,
            "code_challenge": asked.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._config.base_url}/services/oauth2/authorize?{urlencode(query)}"

    def redeem(self, code: str, asked: Asked) -> Token:
        """Raises AuthFailed, TryLater."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.verifier,
            **self._client(),
        }
        response = self._post(form)
        error = self._refusal(response)
        if error is not None:
            raise not_redeemed("Salesforce", response) if isinstance(error, AuthFailed) else error
        token = self._token(response, NONE)
        if not token.refresh_token:
            raise AuthFailed("The consent brings no refresh token.", next_step=SCOPE)
        return token

    def renew(self, spent: Token) -> Token:
        """Raises AuthFailed when there is none any more, TryLater."""
        response = self._post(self._form(spent))
        error = self._refusal(response)
        if error is not None:
            raise error
        return self._token(response, spent)

    def _post(self, form: Mapping[str, str]) -> httpx.Response:
        address = f"{self._config.base_url}/services/oauth2/token"
        return ask_server(httpx.Request("POST", address, data=form), self._transport)

    def _token(self, response: httpx.Response, spent: Token) -> Token:
        try:
            granted = msgspec.json.decode(response.content, type=Granted)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadResponse("The server of tokens answers what cannot be read.") from error
        refresh = granted.refresh_token or spent.refresh_token
        return Token(granted.access_token, refresh, NEVER, _safe(granted.instance_url))

    def _form(self, spent: Token) -> dict[str, str]:
        config = self._config
        if config.sign_in is SignIn.JWT:
            return {"grant_type": JWT, "assertion": self._assertion()}
        if config.sign_in is SignIn.CLIENT_CREDENTIALS:
            return {"grant_type": "client_credentials", **self._client()}
        if not spent.refresh_token:
            raise AuthFailed("The app has no token of this org yet.", next_step=FIRST)
        given = {"grant_type": "refresh_token", "refresh_token": spent.refresh_token}
        return {**given, **self._client()}

    def _client(self) -> dict[str, str]:
        return {
            "client_id": self._config.client_id or "",
            "client_secret": _plain(self._config.client_secret),
        }

    def _assertion(self) -> str:
        """Each is new: one that was used is refused."""
        config = self._config
        claims = {
            "iss": config.client_id,
            "sub": config.username,
            "aud": config.audience,
            "exp": int(datetime.now(UTC).timestamp()) + ASSERTION_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        signature = self._key().sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_text(signature)}"

    def _key(self) -> RSAPrivateKey:
        try:
            key = load_pem_private_key(_plain(self._config.private_key).encode(), password=None)
        except (ValueError, TypeError) as error:
            raise AuthFailed("The private key cannot be read.", next_step=APP) from error
        if not isinstance(key, RSAPrivateKey):
            raise AuthFailed("The private key is not an RSA key.", next_step=APP)
        return key

    def _refusal(self, response: httpx.Response) -> ConnectorError | None:
        if response.status_code < httpx.codes.BAD_REQUEST:
            return None
        try:
            told = msgspec.json.decode(response.content, type=NotGranted)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = NotGranted()
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            pause = retry_after(response, otherwise=LOGIN_PAUSE)
            return RateLimited("The server of tokens asks for a pause.", retry_after=pause)
        if told.error == "rate_limit_exceeded":
            return RateLimited("There were too many sign-ins.", retry_after=LOGIN_PAUSE)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unavailable("The server of tokens does not answer now.")
        step = STEPS[self._config.sign_in]
        why = told.error_description or told.error or f"status {response.status_code}"
        return AuthFailed(f"Salesforce grants no token: {why}.", next_step=step)


class Kept:
    """The token of a connection: where connections keep theirs, else in memory. The first one is
    asked for when it is needed, where no consent is."""

    def __init__(self, inner: TokenStore | None, grant: Callable[[Token], Token]) -> None:
        self._inner = inner
        self._grant = grant
        self._held: Token | None = None
        self._lock = RLock()

    def load(self) -> Token:
        return self._found() or self._first()

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._lock if self._inner is None else self._inner.locked():
            yield

    def save(self, token: Token) -> None:
        if self._inner is None:
            self._held = token
        else:
            self._inner.save(token)

    def _found(self) -> Token | None:
        if self._inner is None:
            return self._held
        try:
            return self._inner.load()
        except LookupError:
            return None

    def _first(self) -> Token:
        with self.locked():
            token = self._found()
            if token is None:
                token = self._grant(NONE)
                self.save(token)
            return token


def oauth(config: SalesforceConfig, tokens: TokenStore | None, grants: Grants) -> OAuth:
    # Where tokens sent calls so far; a host that a redirect named is left as it is.
    ours = {httpx.URL(config.base_url).host}

    def sign(request: httpx.Request, token: Token) -> None:
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        if token.address and request.url.host in ours:
            there = httpx.URL(token.address)
            ours.add(there.host)
            moved = {"scheme": there.scheme, "host": there.host, "port": there.port}
            request.url = request.url.copy_with(**moved)
            request.headers["Host"] = request.url.netloc.decode()

    return OAuth(Kept(tokens, grants.renew), sign=sign, expired=_expired, renew=grants.renew)


def _expired(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.UNAUTHORIZED


def _safe(address: str) -> str:
    """Raises BadResponse for one that nobody should send a token to."""
    if not is_safe(address):
        raise BadResponse("The server of tokens names an address that is not safe to call.")
    return address


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _encoded(value: object) -> str:
    return _text(msgspec.json.encode(value))


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
