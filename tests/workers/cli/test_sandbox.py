"""`retro sandbox` as a process of its own."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.workers.cli.kit import Retro


def test_the_process_prints_one_line_and_serves_until_it_is_stopped() -> None:
    command = [sys.executable, "-m", "workers", "sandbox", "bitrix24", "--records", "10", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            assert (line["kind"], set(line)) == ("bitrix24", {"kind", "settings", "app", "control"})
            address = line["settings"]["webhook"] + "server.time"
            with httpx.Client(trust_env=False, timeout=20) as client:
                assert client.post(address, json={}).status_code == 200
                truth = client.get(f"{line['control']}/records/deals").text
            assert len(truth.splitlines()) == 10
        finally:
            process.terminate()


def test_the_line_in_words_connects_at_once_and_is_named_after_the_tool() -> None:
    command = [sys.executable, "-m", "workers", "sandbox", "hubspot", "--records", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            words = process.stdout.readline().split()
            assert words[:5] == [
                "RETRO_ALLOW_PRIVATE_HOSTS=1",
                *("retro", "connect", "hubspot", "hubspot"),
            ]
            (address,) = [word for word in words if word.startswith("base_url=")]
            # Without a second try: the port was taken before the line was said.
            with httpx.Client(trust_env=False, timeout=20) as client:
                base = address.removeprefix("base_url=")
                assert client.get(f"{base}/_sandbox/log/summary").json()["requests"] == 0
            assert process.stdout.readline().startswith("Or as an app that somebody agrees to")
            words = process.stdout.readline().split()
            assert f"consent_host={base}" in words
            assert not [word for word in words if word.startswith("token=")]
        finally:
            process.terminate()


def test_a_tool_without_one_is_tried_as_its_page_says(retro: Retro) -> None:
    assert "docs/tools/tryton.md" in retro("sandbox", "tryton").sentence
    assert "docs/tools" not in retro("sandbox", "files").sentence


def test_a_port_that_is_taken_is_told_and_nothing_is_announced(retro: Retro) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = retro("sandbox", "bitrix24", "--records", "1", "--port", str(port))
    assert (told.status, told.out) == (1, "")
    assert f"Port {port} is taken; leave out --port" in told.err


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ('[{"do": "nope"}]', "unknown fault 'nope', known: "),
        ('[{"do": "503", "when": 1}]', "unknown key"),
        ('["503"]', "is no fault plan"),
        ('{"do": "503"}', "a list is expected"),
    ],
)
def test_a_fault_plan_that_says_nothing_known_is_refused(
    retro: Retro, tmp_path: Path, plan: str, words: str
) -> None:
    file = tmp_path / "faults.json"
    file.write_text(plan)
    told = retro("sandbox", "bitrix24", "--faults", str(file))
    assert told.status == 1
    assert words in " ".join(told.err.split())
