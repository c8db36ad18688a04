"""A real server on a free loopback port, on a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.settings import load_settings
from sync.vault import new_key
from tests.web.serving import serving
from workers.app import App, open_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = open_app(load_settings({"RETRO_HOME": str(tmp_path), "RETRO_SECRET_KEYS": new_key()}))
    yield app
    app.close()


@pytest.fixture
def client(app: App) -> Iterator[httpx.Client]:
    with serving(app) as address, httpx.Client(base_url=address, timeout=10) as client:
        yield client
