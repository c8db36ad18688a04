import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import new_database
from tests.workers.cli.kit import Retro


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    """A small seeded portal; tests of one module share it."""
    with sandbox(seed=7, records=60) as running:
        yield running


@pytest.fixture
def retro(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Retro:
    for name in [each for each in os.environ if each.startswith("RETRO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RETRO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETRO_ALLOW_PRIVATE_HOSTS", "1")
    new_database(tmp_path / "home" / "retro.db").close()
    return Retro(tmp_path / "home", capsys, monkeypatch)
