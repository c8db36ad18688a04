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
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bare_environ: pytest.MonkeyPatch
) -> Retro:
    bare_environ.setenv("RETRO_HOME", str(tmp_path / "home"))
    bare_environ.setenv("RETRO_ALLOW_PRIVATE_HOSTS", "1")
    new_database(tmp_path / "home" / "retro.db").close()
    return Retro(tmp_path / "home", capsys, bare_environ)
