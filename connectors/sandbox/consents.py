"""The page of a sandbox on which somebody agrees to an app, and the codes that come of it.

A page is asked for with GET; its form posts `decision`, `allow` or `deny`, to the same address, and
the browser is sent on to the app. A code is good once, for the address it was sent to and for
whoever knows the verifier of its challenge (RFC 7636).
"""

import math
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from urllib.parse import parse_qsl, urlencode

from connectors.sandbox.asgi import Request, Response, html_response
from connectors.sandbox.clock import Clock


class NoPage(Exception):
    """The browser is not sent on: the text is the parameter that is wrong."""


class BadCode(Exception):
    """The text is what is wrong: `unknown`, `expired`, `redirect_uri` or `code_verifier`."""


@dataclass(frozen=True)
class _Given:
    redirect_uri: str
    challenge: str
    ends: float


class Consents:
    """`redirects` are those that the app is registered with; a code lives for so many seconds;
    `denied` is what the app is told then. `needs` are parameters that the page must be asked with,
    beside client_id and redirect_uri. `card`: the app is sent to the first of its addresses, and
    none is asked for or told; nor is it told where nobody agrees."""

    def __init__(
        self,
        clock: Clock,
        *,
        client_id: str,
        redirects: Sequence[str],
        code: str,
        seconds: float,
        denied: Mapping[str, str],
        needs: Sequence[str] = (),
        card: bool = False,
    ) -> None:
        self._clock = clock
        self._client_id = client_id
        self._redirects = redirects
        self._seconds = seconds
        self._denied = denied
        self._needs = needs
        self._card = redirects[0] if card else ""
        # One that somebody agreed to before the sandbox began; it waits until it is spent.
        self._codes = {code: _Given(redirects[0], "", math.inf)}
        self._code = code

    def answer(self, request: Request) -> Response:
        """Raises NoPage."""
        asked = dict(parse_qsl(request.query))
        if asked.get("client_id") != self._client_id:
            raise NoPage("client_id")
        redirect = self._card or asked.get("redirect_uri", "")
        if redirect not in self._redirects:
            raise NoPage("redirect_uri")
        for name in self._needs:
            if not asked.get(name):
                raise NoPage(name)
        if request.verb == "GET":
            return _page(request)
        allowed = dict(parse_qsl(request.body.decode())).get("decision") == "allow"
        if not allowed and self._card:
            return html_response(200, "Denied")
        told = self._agreed(redirect, asked) if allowed else dict(self._denied)
        if "state" in asked:
            told["state"] = asked["state"]
        return Response(302, b"", {"Location": f"{redirect}?{urlencode(told)}"})

    def _agreed(self, redirect: str, asked: Mapping[str, str]) -> dict[str, str]:
        code = f"{self._code}-{len(self._codes)}"
        ends = self._clock.seconds() + self._seconds
        self._codes[code] = _Given(redirect, asked.get("code_challenge", ""), ends)
        return {"code": code}

    def spend(self, form: Mapping[str, str]) -> None:
        """Raises BadCode; then the code is as good as before."""
        given = self._codes.get(form.get("code", ""))
        if given is None or given.ends < 0:
            raise BadCode("unknown")
        if given.ends <= self._clock.seconds():
            raise BadCode("expired")
        if (self._card or form.get("redirect_uri")) != given.redirect_uri:
            raise BadCode("redirect_uri")
        if given.challenge and _challenge(form.get("code_verifier", "")) != given.challenge:
            raise BadCode("code_verifier")
        self._codes[form["code"]] = _Given("", "", -1.0)


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _page(request: Request) -> Response:
    action = escape(f"{request.path}?{request.query}")
    page = (
        "<!doctype html><title>Consent</title><h1>May this app use your account?</h1>"
        f'<form method="post" action="{action}">'
        '<button name="decision" value="allow">Allow</button>'
        '<button name="decision" value="deny">Cancel</button></form>'
    )
    return Response(200, page.encode(), media="text/html; charset=utf-8")
