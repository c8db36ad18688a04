"""A headless Chromium, spoken to through a pipe in its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium reads commands on descriptor 3 and answers on 4. The first two arguments are moved there,
# by way of numbers that are not in the way.
START = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
END = b"\0"


def executable() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One page of the browser."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands = commands
        self._answers = answers
        self._last_id = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        self.call("Page.enable")
        self.call("Log.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + END)
        self._commands.flush()
        while True:
            answer = self._receive()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, address: str, width: int, height: int = 900) -> None:
        """Returns when the page has loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=True,
        )
        self.events.clear()
        self.call("Page.navigate", url=address)
        while not any(each.get("method") == "Page.loadEventFired" for each in self.events):
            self.events.append(self._receive())

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """What the browser logged as wrong, such as a style that the page's policy forbids."""
        entries = (e["params"]["entry"] for e in self.events if e["method"] == "Log.entryAdded")
        return [entry["text"] for entry in entries if entry["level"] == "error"]

    def screenshot(self, path: Path) -> None:
        """The whole page, however long."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _receive(self) -> dict[str, Any]:
        raw = bytearray()
        while not raw.endswith(END):
            byte = self._answers.read(1)
            assert byte, "the browser has ended"
            raw += byte
        message: dict[str, Any] = json.loads(raw[:-1])
        return message


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Page]:
    """`profile` is an empty folder for what the browser keeps."""
    commands_in, commands_out = os.pipe()
    answers_in, answers_out = os.pipe()
    with ExitStack() as stack:
        commands = stack.enter_context(closing(os.fdopen(commands_out, "wb")))
        answers = stack.enter_context(closing(os.fdopen(answers_in, "rb")))
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", START, str(commands_in), str(answers_out), program),
                *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
                f"--user-data-dir={profile}",
            ],
            pass_fds=(commands_in, answers_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_in)
        os.close(answers_out)
        try:
            yield Page(commands, answers)
        finally:
            process.terminate()
            process.wait(10)
