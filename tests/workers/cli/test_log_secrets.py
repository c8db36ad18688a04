"""What the log of a service never shows."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from config.settings import load_settings
from connectors.bitrix24.portal.oauth import webhook_code
from tests.connectors.bitrix24.kit import Sandbox
from tests.workers.cli.kit import Retro, webhook_of
from workers.app import open_app
from workers.logs import log_for


@pytest.fixture(autouse=True)
def _own_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.promise("G14")
def test_the_code_inside_a_webhook_is_cut_as_well_as_its_address(
    retro: Retro, portal: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    retro.connect(portal)
    with closing(open_app(load_settings(os.environ))) as app:
        capsys.readouterr()
        log_for(app)
        log = logging.getLogger("workers.x")
        log.warning("POST %s failed", webhook_of(portal))
        log.warning("POST /rest/1/%s/batch failed", webhook_code(portal.options))
    shown = capsys.readouterr().err
    assert "POST *** failed" in shown
    assert "POST /rest/1/***/batch failed" in shown
