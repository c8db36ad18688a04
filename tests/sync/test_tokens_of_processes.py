"""Two real processes with one rotating refresh token and short lives of the access token (G14)."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.auth import Token
from connectors.bitrix24.sandbox import app_settings
from sync.store.connections import StoredToken
from sync.store.database import Database
from sync.vault import Vault, new_key
from tests.conftest import ROOT
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.sync.conftest import NOW

LIFE = 90
MINUTES = 10
STEP = timedelta(seconds=30)
KEY = new_key()


def grant(portal: Sandbox, database: Database, connection_id: int) -> dict[str, str]:
    """Give the application its first pair, as the consent in a browser would."""
    given = app_settings(portal.options, portal.base)
    words = {name: given[name] for name in ("client_id", "client_secret", "code")}
    answer = httpx.get(given["token_url"], params={"grant_type": "authorization_code", **words})
    pair = answer.json()
    token = Token(pair["access_token"], pair["refresh_token"], datetime.fromtimestamp(0, UTC))
    StoredToken(database, Vault([KEY]), connection_id, lambda: NOW, lambda _: None).save(token)
    return given


@contextmanager
def client(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.sync.token_client", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def call(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Both at once; what each came to."""
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("call\n")
        each.stdin.flush()
    return [each.stdout.readline().strip() for each in processes if each.stdout is not None]


@pytest.mark.promise("G14")
def test_two_processes_renew_a_token_once_per_expiry_and_no_call_fails(
    database: Database, connection_id: int
) -> None:
    with (
        sandbox(records=2, start_at=NOW, frozen=True, access_seconds=LIFE) as portal,
        ExitStack() as open_,
    ):
        given = grant(portal, database, connection_id)
        words = (database.url, KEY, str(connection_id), portal.base)
        app = (given["client_id"], given["client_secret"])
        processes = [open_.enter_context(client(*words, *app)) for _ in range(2)]
        before = renewals(portal)
        said = []
        steps = timedelta(minutes=MINUTES) // STEP
        for step in range(steps + 1):
            moment = {"now": (NOW + STEP * step).isoformat(), "running": False}
            httpx.put(f"{portal.base}/_sandbox/clock", json=moment).raise_for_status()
            said += call(processes)
        assert said == ["ok"] * 2 * (steps + 1)
        assert renewals(portal) - before == MINUTES * 60 // LIFE


def renewals(portal: Sandbox) -> int:
    return sum(entry["path"].startswith("/oauth/token") for entry in portal.log())
