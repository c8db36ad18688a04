"""The server of tokens: client credentials, JWT bearer, codes and refresh tokens that rotate."""

from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.salesforce.portal.errors import NoToken, no_session
from connectors.salesforce.portal.options import SandboxOptions
from connectors.sandbox.asgi import Request, Response
from connectors.sandbox.clock import Clock
from connectors.sandbox.consents import BadCode, Consents, NoPage

FORM = "application/x-www-form-urlencoded"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
# Of a JWT: how far ahead its end may lie.
LONGEST_ASSERTION = 180
USERNAME = "retro@acme.example"
Grant = dict[str, str]
DENIED = {"error": "access_denied", "error_description": "end-user denied authorization"}
# A new app asks for a challenge.
BAD_PAGES = {
    "client_id": ("invalid_client_id", "client identifier invalid"),
    "redirect_uri": ("redirect_uri_mismatch", "redirect_uri must match configuration"),
    "response_type": ("unsupported_response_type", "response type not supported"),
    "code_challenge": ("invalid_request", "missing required code challenge"),
}
BAD_CODES = {
    "unknown": "invalid authorization code",
    "expired": "expired authorization code",
    "redirect_uri": "redirect_uri must match configuration",
    "code_verifier": "invalid code verifier",
}


def secret_of(options: SandboxOptions, what: str) -> str:
    digest = sha256(f"{what}:{options.seed}:salesforce".encode()).hexdigest()
    return f"{what}-{digest[:24]}"


class Tokens:
    def __init__(self, options: SandboxOptions, clock: Clock, org_id: str, user_id: str) -> None:
        self._options = options
        self._clock = clock
        self._identity = f"{org_id}/{user_id}"
        self._live: dict[str, float] = {}
        self._refresh = secret_of(options, "refresh")
        self._used: set[str] = set()
        self._consents = Consents(
            clock,
            client_id=secret_of(options, "client"),
            redirects=options.redirects,
            code=secret_of(options, "code"),
            seconds=options.code_seconds,
            denied=DENIED,
            needs=("response_type", "code_challenge"),
        )
        self._count = 0

    def check(self, request: Request) -> None:
        """A session slides: a call within its life begins it anew. Raises Refused."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise no_session("INVALID_AUTH_HEADER")
        if self._live.get(token, 0.0) <= self._clock.seconds():
            raise no_session()

    def grant(self, request: Request, address: str) -> Grant:
        """Raises NoToken."""
        if not request.headers.get("content-type", "").startswith(FORM):
            raise NoToken(400, "invalid_request", "the content type must be a form")
        form = dict(parse_qsl(request.body.decode()))
        grants = {
            "client_credentials": self._by_client,
            "refresh_token": self._by_refresh,
            "authorization_code": self._by_code,
            JWT: self._by_assertion,
        }
        kind = form.get("grant_type", "")
        if kind not in grants:
            raise NoToken(400, "unsupported_grant_type", "grant type not supported")
        more = grants[kind](form)
        self._count += 1
        token = f"00D!{secret_of(self._options, 'access')}-{self._count}"
        self._live[token] = self._clock.seconds() + self._options.session_seconds
        return {
            "access_token": token,
            "instance_url": address,
            "id": f"https://login.salesforce.com/id/{self._identity}",
            "token_type": "Bearer",
            "issued_at": str(int(self._clock.seconds() * 1000)),
            "signature": "c2lnbmF0dXJl",
            "scope": "api",
            **more,
        }

    def consent(self, request: Request) -> Response:
        """Raises NoToken."""
        try:
            return self._consents.answer(request)
        except NoPage as error:
            raise NoToken(400, *BAD_PAGES[str(error)]) from error

    def _by_client(self, form: Grant) -> Grant:
        self._check_client(form)
        return {}

    def _by_refresh(self, form: Grant) -> Grant:
        self._check_client(form)
        if form.get("refresh_token") != self._refresh:
            raise NoToken(400, "invalid_grant", "expired access/refresh token")
        if not self._options.rotating:
            return {}
        self._refresh = f"{secret_of(self._options, 'refresh')}-{self._count + 1}"
        return {"refresh_token": self._refresh}

    def _by_code(self, form: Grant) -> Grant:
        self._check_client(form)
        try:
            self._consents.spend(form)
        except BadCode as error:
            raise NoToken(400, "invalid_grant", BAD_CODES[str(error)]) from error
        return {"refresh_token": self._refresh}

    def _check_client(self, form: Grant) -> None:
        if form.get("client_id") != secret_of(self._options, "client"):
            raise NoToken(400, "invalid_client_id", "client identifier invalid")
        if form.get("client_secret") != secret_of(self._options, "secret"):
            raise NoToken(401, "invalid_client", "invalid client credentials")

    def _by_assertion(self, form: Grant) -> Grant:
        assertion = form.get("assertion", "")
        claims = self._claims(assertion)
        now = self._clock.seconds()
        if claims.get("iss") != secret_of(self._options, "client"):
            raise NoToken(400, "invalid_client_id", "client identifier invalid")
        good = claims.get("sub") == USERNAME and claims.get("aud") in AUDIENCES
        ends = float(claims.get("exp", 0))
        if not good or assertion in self._used or not now < ends <= now + LONGEST_ASSERTION:
            raise NoToken(400, "invalid_grant", "invalid assertion")
        self._used.add(assertion)
        return {}

    def _claims(self, assertion: str) -> dict[str, Any]:
        try:
            head, body, signature = assertion.split(".")
            if msgspec.json.decode(_decoded(head)).get("alg") != "RS256":
                raise ValueError
            key = load_pem_public_key(self._options.certificate.encode())
            assert isinstance(key, RSAPublicKey)
            key.verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
            claims: dict[str, Any] = msgspec.json.decode(_decoded(body))
        except (ValueError, InvalidSignature, msgspec.MsgspecError):
            raise NoToken(400, "invalid_grant", "invalid assertion") from None
        return claims


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
