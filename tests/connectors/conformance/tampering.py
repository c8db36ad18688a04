"""Between client and tool: answers that go wrong in ways no sandbox can be told to, whatever the
tool."""

import json
import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from threading import RLock
from typing import Any

import httpx

Forward = Callable[[httpx.Request], httpx.Response]
Tamper = Callable[[httpx.Request, Forward], httpx.Response]

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
JSON = {"Content-Type": "application/json"}
# A client that asks so often for what it was told already does not stop by itself.
ENDLESS = 200


class Endless(AssertionError):
    pass


class Tampering(httpx.BaseTransport):
    """`sent` are the requests of the connector so far, in order, those of `before` as well."""

    def __init__(self, inner: httpx.BaseTransport, before: "Tampering | None" = None) -> None:
        self._inner = inner
        self._lock = RLock()
        self.tamper: Tamper | None = None
        self.sent: list[httpx.Request] = [] if before is None else before.sent
        self._counted = len(self.sent)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.sent.append(request)
            if len(self.sent) - self._counted > ENDLESS:
                raise Endless(f"more than {ENDLESS} requests: this does not end")
            if self.tamper is None:
                return self._inner.handle_request(request)
            return self.tamper(request, self._inner.handle_request)

    def count_anew(self) -> None:
        """What follows has an end of its own."""
        self._counted = len(self.sent)

    def close(self) -> None:
        """Clients come and go, the account stays."""


def once(answer: Callable[[httpx.Request], httpx.Response]) -> Tamper:
    """The first request gets this answer and does not reach the tool."""
    asked = []

    def tamper(request: httpx.Request, forward: Forward) -> httpx.Response:
        asked.append(request)
        return answer(request) if len(asked) == 1 else forward(request)

    return tamper


def always(answer: Callable[[httpx.Response], httpx.Response]) -> Tamper:
    """What the tool says is replaced, each time."""

    def tamper(request: httpx.Request, forward: Forward) -> httpx.Response:
        return answer(read(forward(request)))

    return tamper


def rewriting(change: Callable[[Any], None]) -> Tamper:
    """JSON answers are changed in place."""

    def changed(response: httpx.Response) -> httpx.Response:
        try:
            document = response.json()
        except ValueError:
            return response
        change(document)
        return like(response, json.dumps(document))

    return always(changed)


def in_zone(zone: tzinfo) -> Tamper:
    """Each moment as this zone writes it."""

    def there(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0].replace("Z", "+00:00")).astimezone(zone)
        text = moment.isoformat(timespec="milliseconds" if found[1] else "seconds")
        # Some tools write offsets without a colon.
        return text if ":" in found[2] or found[2] == "Z" else f"{text[:-3]}{text[-2:]}"

    def changed(response: httpx.Response) -> httpx.Response:
        return like(response, MOMENT.sub(there, response.text))

    return always(changed)


def after_first(is_it: Callable[[httpx.Response], bool], act: Callable[[], None]) -> Tamper:
    """Something happens in the tool behind the first answer that is such."""
    done = []

    def tamper(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = read(forward(request))
        if not done and is_it(response):
            done.append(True)
            act()
        return response

    return tamper


def same_again(is_it: Callable[[httpx.Response], bool]) -> Tamper:
    """From the first answer that is such on, each answer is that one."""
    first: list[httpx.Response] = []

    def tamper(request: httpx.Request, forward: Forward) -> httpx.Response:
        if not first:
            response = read(forward(request))
            if is_it(response):
                first.append(response)
            return response
        return httpx.Response(200, headers=JSON, content=first[0].content)

    return tamper


def like(response: httpx.Response, text: str) -> httpx.Response:
    """Another body under the same head: some tools tell their clock there."""
    head = {name: each for name, each in response.headers.items() if name != "content-length"}
    return httpx.Response(response.status_code, headers=head, text=text)


def read(response: httpx.Response) -> httpx.Response:
    response.read()
    return response


def said(document: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, headers=JSON, content=json.dumps(document).encode())
