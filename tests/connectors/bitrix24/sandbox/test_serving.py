"""The sandbox on a port, and how it says to connect to it."""

import pytest

from connectors.bitrix24.sandbox import SandboxOptions, create_app, describe
from connectors.sandbox.runner import serve, serving


def test_a_taken_port_is_said_before_anything_is_printed() -> None:
    options = SandboxOptions(records=1)
    said: list[str] = []
    with serving(create_app(options)) as base:
        port = int(base.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            serve(create_app(options), "127.0.0.1", port, said.append)
    assert said == []


def test_what_is_printed_names_webhook_and_control() -> None:
    options = SandboxOptions(webhook_code="c0de", user_id=3)
    line = describe(options, "http://127.0.0.1:9001")
    assert line["settings"]["webhook"] == "http://127.0.0.1:9001/rest/3/c0de/"
    assert line["control"] == "http://127.0.0.1:9001/_sandbox"
