"""`retro sandbox` as a process of its own."""

import json
import subprocess
import sys

import httpx


def test_the_process_prints_one_line_and_serves_until_it_is_stopped() -> None:
    command = [sys.executable, "-m", "workers", "sandbox", "bitrix24", "--records", "10", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            assert (line["kind"], set(line)) == ("bitrix24", {"kind", "settings", "control"})
            address = line["settings"]["webhook"] + "server.time"
            # The line comes just before the port is served.
            with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=8)) as client:
                assert client.post(address, json={}).status_code == 200
                truth = client.get(f"{line['control']}/records/deals").text
            assert len(truth.splitlines()) == 10
        finally:
            process.terminate()
