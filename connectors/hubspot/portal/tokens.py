"""The account's keys: a service key, and an app with tokens of 30 minutes."""

from hashlib import sha256
from urllib.parse import parse_qsl

from connectors.hubspot.portal.errors import Refused, invalid, unauthorized
from connectors.hubspot.portal.options import SandboxOptions
from connectors.sandbox.asgi import Request, Response
from connectors.sandbox.clock import Clock
from connectors.sandbox.consents import BadCode, Consents, NoPage

DENIED = {"error": "access_denied", "error_description": "The user denied access"}


def secret_of(options: SandboxOptions, what: str) -> str:
    digest = sha256(f"{what}:{options.seed}:{options.portal_id}".encode()).hexdigest()
    return f"{what}-{digest[:24]}"


class Tokens:
    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._key = secret_of(options, "service-key")
        self._live: dict[str, float] = {}
        self._refresh = secret_of(options, "refresh")
        self._count = 0
        self._consents = Consents(
            clock,
            client_id=secret_of(options, "client"),
            redirects=options.redirects,
            code=secret_of(options, "code"),
            seconds=options.code_seconds,
            denied=DENIED,
            needs=("scope",),
        )

    def check(self, request: Request) -> None:
        """Raises Refused."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or (token != self._key and token not in self._live):
            raise unauthorized()
        if token != self._key and self._live[token] <= self._clock.seconds():
            raise unauthorized(expired=True)

    def consent(self, request: Request) -> Response:
        """An app is given scopes that the account has. Raises Refused."""
        asked = dict(parse_qsl(request.query)).get("scope", "").split()
        unknown = sorted({*asked} - {"oauth", *self._options.scopes})
        if unknown:
            raise invalid("the scopes do not fit the app's settings", unknown)
        try:
            return self._consents.answer(request)
        except NoPage as error:
            raise invalid(f"the {error} does not match the app's settings", [str(error)]) from error

    def grant(self, request: Request) -> dict[str, object]:
        """From the body: what stands in the query does not count."""
        media = request.headers.get("content-type", "")
        if not media.startswith("application/x-www-form-urlencoded"):
            raise invalid("Content-Type must be application/x-www-form-urlencoded")
        form = dict(parse_qsl(request.body.decode()))
        unknown = form.keys() - {
            *("grant_type", "client_id", "client_secret", "code", "redirect_uri"),
            *("refresh_token", "code_verifier", "scope"),
        }
        if unknown:
            raise invalid(f"unknown parameter {min(unknown)}", sorted(unknown))
        app = (form.get("client_id"), form.get("client_secret"))
        if app != (secret_of(self._options, "client"), secret_of(self._options, "secret")):
            raise _refused("invalid_client", "missing or invalid client id or secret")
        if form.get("grant_type") == "authorization_code":
            self._spend(form)
        elif form.get("grant_type") != "refresh_token":
            raise invalid("unsupported grant_type", ["grant_type"])
        elif form.get("refresh_token") != self._refresh:
            raise _refused("invalid_grant", "missing or unknown refresh token", "REFRESH_TOKEN")
        self._count += 1
        token = f"{secret_of(self._options, 'access')}-{self._count}"
        self._live[token] = self._clock.seconds() + self._options.access_seconds
        if self._options.rotating:
            self._refresh = f"{secret_of(self._options, 'refresh')}-{self._count}"
        return {
            "access_token": token,
            "refresh_token": self._refresh,
            "expires_in": self._options.access_seconds,
            "token_type": "bearer",
            "token_use": "access_token",
            "hub_id": self._options.portal_id,
            "scopes": list(self._options.scopes),
        }

    def _spend(self, form: dict[str, str]) -> None:
        try:
            self._consents.spend(form)
        except BadCode as error:
            told = {
                "redirect_uri": "redirect_uri does not match the one of the authorization code",
                "code_verifier": "code_verifier does not match the code_challenge",
                "expired": "the authorization code has expired",
                "unknown": "missing or unknown authorization code",
            }
            raise _refused("invalid_grant", told[str(error)], "AUTH_CODE") from error


def _refused(error: str, message: str, what: str = "CLIENT_SECRET") -> Refused:
    more = {"error": error, "error_description": message, "status": f"BAD_{what}"}
    return Refused(400, "BAD_GRANT_TYPE", message, more=more)
