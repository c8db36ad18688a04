"""Where a browser on this machine is sent after a consent: a listener for one answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from connectors.consent import Asked
from connectors.hosts import is_loopback

Language = Literal["en", "fr"]
LOOPBACK = "127.0.0.1"
# A browser opens connections ahead, on which it says nothing.
SILENCE_SECONDS = 2.0
TAKEN = {
    "en": "Retro ROI has the answer. Close this page: the command that asked goes on by itself.",
    "fr": "Retro ROI a la réponse. Fermez cette page : la commande qui l'a demandée continue.",
}
UNASKED = {
    "en": "This answers another question than the one that was just asked. Open the address "
    "that the command shows, or end the command with Ctrl-C.",
    "fr": "Ceci répond à une autre question que la dernière posée. Ouvrez l'adresse que la "
    "commande affiche, ou arrêtez la commande avec Ctrl-C.",
}


class Redirects(HTTPServer):
    """`brought` is the address to which the browser was sent, once it was the right one."""

    # It waits for nobody: who uses it asks it when a connection has come in.
    timeout = 0

    def __init__(self, port: int, asked: Asked, language: Language) -> None:
        super().__init__((LOOPBACK, port), _Answer)
        self.brought: str | None = None
        self._asked = asked
        self._language = language

    def answer(self, target: str) -> tuple[int, str]:
        """Status and text of a page. Whatever is not our answer changes nothing: any site can send
        a browser here."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return 404, ""
        if parts.path != (urlsplit(self._asked.redirect_uri).path or "/"):
            return 404, ""
        # A denial without it may be anybody's as well.
        if parse_qs(parts.query).get("state") != [self._asked.state]:
            return 400, UNASKED[self._language]
        self.brought = target
        return 200, TAKEN[self._language]


class _Answer(BaseHTTPRequestHandler):
    timeout = SILENCE_SECONDS
    server: Redirects

    def do_GET(self) -> None:
        status, text = self.server.answer(self.path)
        page = f"<!doctype html><meta charset=utf-8><title>Retro ROI</title><p>{text}</p>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        # The address holds the code.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """The address holds the code."""


@contextmanager
def listening(asked: Asked, language: Language) -> Iterator[Redirects | None]:
    """None where the redirect address is not of this machine, or its port is taken."""
    server = _server(asked, language)
    try:
        yield server
    finally:
        if server is not None:
            server.server_close()


def _server(asked: Asked, language: Language) -> Redirects | None:
    parts = urlsplit(asked.redirect_uri)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        return None
    try:
        return Redirects(parts.port or socket.getservbyname("http"), asked, language)
    except OSError:
        return None
