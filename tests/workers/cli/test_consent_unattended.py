"""A consent that cannot come: a redirect address that is none, and nobody who could answer."""

import os
import subprocess
import sys

import pytest

from connectors.sandbox.runner import free_port
from tests.connectors.consents import TOOLS, account
from tests.workers.cli.kit import Retro

_, HUBSPOT, _, _ = TOOLS


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:99999/cb",
        "http://localhost:0/cb",
        "http://localhost:port/cb",
        "http://[bad/cb",
        "localhost:8401/cb",
        "https:///cb",
    ],
)
@pytest.mark.parametrize("command", [("connect", "hubspot", "crm"), ("consent", "crm")])
def test_a_redirect_address_that_is_none_is_told(
    retro: Retro, address: str, command: tuple[str, ...]
) -> None:
    told = retro(*command, "--redirect", address)
    assert told.status == 2
    assert "--redirect" in told.err
    assert "like http://localhost:8401/oauth/callback" in told.err


@pytest.mark.parametrize("how", ["</dev/null", "<&-"])
@pytest.mark.parametrize("host", ["localhost", "retro.acme.example"])
def test_where_nobody_can_answer_the_command_ends_at_once(
    retro: Retro, how: str, host: str
) -> None:
    port = free_port()
    redirect = f"http://{host}:{port}/oauth/callback"
    with account(HUBSPOT, redirects=(redirect,)) as there:
        secret = there.given["client_secret"]
        retro.monkeypatch.setenv("RETRO_SECRET_CRM_CLIENT_SECRET", secret)
        given = [f"--set={k}={v}" for k, v in there.given.items() if k != "client_secret"]
        words = [sys.executable, "-m", "workers", "connect", "hubspot", "crm", *given]
        ended = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {how}', "sh", *words, "--redirect", redirect],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 1, ended.stderr
    assert "nobody is there to answer" in ended.stderr
    assert "--secret refresh_token" in ended.stderr
    assert "unexpected" not in ended.stderr


def test_a_secret_is_asked_for_in_words_where_standard_input_is_closed(retro: Retro) -> None:
    words = [sys.executable, "-m", "workers", "connect", "hubspot", "crm", "--secret", "token"]
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *words],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, retro.connections()) == (1, [])
    assert "Nothing came on standard input for the secret 'token'" in ended.stderr
