"""Commands run in this process, as a shell would see them."""

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24.sandbox import settings
from tests.connectors.bitrix24.kit import Sandbox
from workers.cli import main


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on standard error, without the name of the command."""
        (line,) = self.err.splitlines()
        assert line.startswith("retro: ")
        return line.removeprefix("retro: ")


@dataclass(frozen=True)
class Retro:
    """The command, on a home of its own."""

    home: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *arguments: str, given: str = "") -> Answer:
        """`given` is what standard input holds."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert isinstance(ended.value.code, int)
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        return Answer(ended.value.code, out, err)

    def connect(self, portal: Sandbox, name: str = "portal") -> Answer:
        webhook = webhook_of(portal)
        return self("connect", "bitrix24", name, "--secret", "webhook", given=f"{webhook}\n")

    def connections(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("connections", "--json").document
        return found

    def kept(self) -> bytes:
        """Everything that is in a file of the home."""
        return b"".join(p.read_bytes() for p in self.home.rglob("*") if p.is_file())


def webhook_of(portal: Sandbox) -> str:
    return settings(portal.options, portal.base)["webhook"]
