"""A portal under another name: found once, and called there from then on."""

import os
from urllib.parse import urlsplit

import httpx
import pytest

from config.settings import load_settings
from sync.store.connections import connection_named
from sync.store.database import Database
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers.cli.kit import Retro, webhook_of


def stored(retro: Retro) -> object:
    database = Database(load_settings(os.environ).database_url)
    try:
        with database.reading() as session:
            return connection_named(session, "portal").settings.get("base_url")
    finally:
        database.close()


def rename_once(portal: Sandbox) -> str:
    """The next request is sent elsewhere: this machine, by its other name."""
    there = f"http://localhost:{urlsplit(portal.base).port}"
    portal.faults({"on": {"nth": 1}, "do": "rename", "host": there})
    return there


def redirected(portal: Sandbox) -> int:
    return sum(entry["status"] == 302 for entry in portal.log())


@pytest.mark.quirk(12)
@pytest.mark.parametrize("stream", ["deals", "tasks"])
def test_a_renamed_portal_is_called_by_its_new_name_from_the_next_run_on(
    retro: Retro, stream: str
) -> None:
    with sandbox(records=20) as portal:
        retro.connect(portal)
        there = rename_once(portal)
        assert retro("pull", "portal", "--stream", stream).status == 0
        assert stored(retro) == there
        # The name is gone: whoever still called it would be sent away again.
        portal.faults()
        assert retro("pull", "portal", "--stream", stream).status == 0
        assert redirected(portal) == 1


@pytest.mark.quirk(12)
def test_a_run_that_fails_after_the_rename_keeps_the_new_name_too(retro: Retro) -> None:
    with sandbox(records=20) as portal:
        retro.connect(portal)
        there = f"http://localhost:{urlsplit(portal.base).port}"
        # The first is redirected, and the new host answers it well.
        wrong = {"on": {"method": "batch", "nth": 3}, "nested": False, "do": "wrong_json"}
        portal.faults({"on": {"nth": 1}, "do": "rename", "host": there}, wrong)
        assert retro("pull", "portal", "--stream", "deals").status == 1
        assert stored(retro) == there


@pytest.mark.quirk(12)
def test_connecting_again_forgets_the_name_that_was_found(retro: Retro) -> None:
    with sandbox(records=20) as portal:
        retro.connect(portal)
        rename_once(portal)
        retro("pull", "portal", "--stream", "deals")
        assert retro.connect(portal).status == 0
        assert stored(retro) is None
        assert httpx.post(f"{webhook_of(portal)}server.time", json={}).status_code == 200
