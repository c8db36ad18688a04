"""A clock a test moves, and a handler that waits for what a portal posts."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl


class Ticks:
    """Machine time that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Inbox:
    """Forms as they arrive, in order."""

    def __init__(self, url: str, forms: "queue.Queue[dict[str, str]]") -> None:
        self.url = url
        self._forms = forms

    def next(self) -> dict[str, str]:
        return self._forms.get(timeout=5)

    def is_empty(self) -> bool:
        return self._forms.empty()


@contextmanager
def inbox() -> Iterator[Inbox]:
    forms: queue.Queue[dict[str, str]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            forms.put(dict(parse_qsl(body.decode(), keep_blank_values=True)))
            # Refused on purpose: a portal does not try again.
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Inbox(f"http://127.0.0.1:{server.server_port}/hooks/portal", forms)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
